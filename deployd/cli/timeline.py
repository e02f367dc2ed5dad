"""A deployment as it goes: its lines and its stages, which come by two ways, in the order in which they happened."""

import heapq
import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from deployd.cli.build_log import BuildLog
from deployd.cli.daemon import Daemon, segment
from deployd.cli.failure import DaemonUnreachable, Failure
from deployd.domain.deployment import Deployment, Outcome, Stage
from deployd.domain.log_line import LogLine
from web.views import DeploymentView

_WAIT_SECONDS = 50
_TICK_SECONDS = 0.1
_SETTLE_SECONDS = 0.25
"""So long may one way be slower than the other."""
_RECONNECT_SECONDS = 0.5
_GIVE_UP_SECONDS = 60.0
_WENT_WELL = (Outcome.LIVE, Outcome.CANARY)


@dataclass(frozen=True)
class StagePassed:
    """`usual_seconds` is None as long as nothing is known of it. `failed`: the deployment ended in it."""

    stage: Stage
    seconds: float
    usual_seconds: float | None
    failed: bool = False


@dataclass(frozen=True)
class Underway:
    """Told again and again while nothing else happens."""

    stage: Stage
    seconds: float
    usual_seconds: float | None


Happening = StagePassed | LogLine | Underway | DeploymentView
_Told = LogLine | DeploymentView | Failure


class Timeline:
    """Iterate once. The last is the ended deployment; Failure when the daemon stays away."""

    def __init__(self, daemon: Daemon, deployment: Deployment) -> None:
        self._daemon = daemon
        self._deployment = deployment
        self._told: SimpleQueue[_Told] = SimpleQueue()
        self._waiting: list[tuple[int, int, float, StagePassed | LogLine]] = []
        self._passed = 0
        self._count = 0
        self._seen: DeploymentView | None = None
        self._seen_at = 0.0

    def __iter__(self) -> Iterator[Happening]:
        Thread(target=self._watch, name="stages", daemon=True).start()
        with BuildLog(self._daemon, self._deployment, self._told.put):
            while self._seen is None or not self._seen.ended:
                self._take(_TICK_SECONDS)
                yield from self._settled(time.monotonic() - _SETTLE_SECONDS)
                if self._seen is not None and not self._waiting and not self._seen.ended:
                    yield self._underway(self._seen)
        while not self._told.empty():
            self._take(0)
        yield from self._settled(time.monotonic())
        yield self._seen

    def _watch(self) -> None:
        """Goes on where it was when a new process of deployd takes over."""
        path = f"/deployments/{segment(self._deployment.id)}"
        lost_since: float | None = None
        after: Stage | None = None
        while True:
            query = {} if after is None else {"wait": _WAIT_SECONDS, "after": after}
            try:
                seen = self._daemon.get(path, DeploymentView, **query)
            except DaemonUnreachable as lost:
                lost_since = lost_since or time.monotonic()
                if time.monotonic() - lost_since > _GIVE_UP_SECONDS:
                    self._told.put(lost)
                    return
                time.sleep(_RECONNECT_SECONDS)
                continue
            except Failure as failure:
                self._told.put(failure)
                return
            lost_since, after = None, seen.stage
            self._told.put(seen)
            if seen.ended:
                return

    def _take(self, seconds: float) -> None:
        try:
            told = self._told.get(timeout=seconds) if seconds else self._told.get_nowait()
        except Empty:
            return
        match told:
            case DeploymentView():
                self._note(told)
            case LogLine():
                self._wait(told.time_ms, told)
            case Failure():
                raise told

    def _note(self, seen: DeploymentView) -> None:
        self._seen, self._seen_at = seen, time.monotonic()
        for number in range(self._passed, len(seen.journal) - 1):
            entry, end = seen.journal[number], seen.journal[number + 1]
            passed = StagePassed(
                stage=entry.stage,
                seconds=(end.entered_ms - entry.entered_ms) / 1000,
                usual_seconds=seen.usual_seconds.get(entry.stage),
                failed=end.stage is Stage.ENDED and seen.outcome not in _WENT_WELL,
            )
            self._wait(end.entered_ms, passed)
            self._passed = number + 1

    def _wait(self, time_ms: int, what: StagePassed | LogLine) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (time_ms, self._count, time.monotonic(), what))

    def _settled(self, before: float) -> Iterator[StagePassed | LogLine]:
        while self._waiting and self._waiting[0][2] <= before:
            yield heapq.heappop(self._waiting)[3]

    def _underway(self, seen: DeploymentView) -> Underway:
        spent = seen.stage_seconds.get(seen.stage, 0.0) + time.monotonic() - self._seen_at
        return Underway(stage=seen.stage, seconds=spent, usual_seconds=seen.usual_seconds.get(seen.stage))
