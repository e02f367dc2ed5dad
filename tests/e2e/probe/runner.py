"""Drives the cases through a running deployd into the capturing upstream, and judges what both ends saw."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.probe.capture import Capture, Seen
from tests.e2e.probe.cases import HOST, Case, all_cases
from tests.e2e.probe.expected import REFUSALS, wanted
from tests.e2e.probe.talk import Outcome, talk
from tests.support.daemon import Daemon, running_daemon

_SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class Verdict:
    """`as_expected` is what the case says, `harm` what no case may do: why the rule of safety is broken, or nothing."""

    case: Case
    outcome: Outcome
    as_expected: bool
    harm: str

    @property
    def failed(self) -> bool:
        return bool(self.harm) or (self.case.binding and not self.as_expected)


@asynccontextmanager
async def probed(folder: Path) -> AsyncIterator[tuple[Daemon, Capture]]:
    """A deployd with one app, which is the capturing upstream."""
    capture = Capture()
    await capture.open()
    try:
        app = f'[apps.probe]\nupstream = "127.0.0.1:{capture.port}"\ndomains = ["{HOST}"]\n'
        app += "[apps.probe.proxy]\nhealth_seconds = 0\n"  # what is counted here is what the cases bring about
        async with running_daemon(folder, apps_toml=app) as daemon:
            async with asyncio.timeout(_SETTLE_SECONDS * 5):
                while (await daemon.get(HOST))[0] != 200:
                    await asyncio.sleep(0.05)
            yield daemon, capture
    finally:
        await capture.close()


async def judge_all(port: int, capture: Capture) -> list[Verdict]:
    return [verdict for case in all_cases() for verdict in await judge(port, capture, case)]


async def judge(port: int, capture: Capture, case: Case) -> list[Verdict]:
    """A case in several parts is also sent in one: what follows a request must not change what it is taken for."""
    ways = [case.parts] if len(case.parts) == 1 else [case.parts, (b"".join(case.parts),)]
    return [await _judge(port, capture, case, parts) for parts in ways]


async def _judge(port: int, capture: Capture, case: Case, parts: tuple[bytes, ...]) -> Verdict:
    capture.forget()
    outcome = await talk(port, parts, case.method)
    harm = _harm(outcome, capture.seen) or await _next_client(port, capture)
    return Verdict(case, outcome, wanted(case)(outcome), harm)


def _harm(outcome: Outcome, seen: Seen) -> str:
    """Either we refused and the app got nothing, or another parser finds there exactly what we answered."""
    theirs = [answer.from_app for answer in outcome.answers if answer.from_app is not None]
    ours = [answer.status for answer in outcome.answers if answer.from_app is None]
    if seen.faults:
        return f"the app got what is no HTTP/1.1: {seen.faults}"
    if theirs != seen.whole:
        return f"the app answered {seen.whole}, the client got {theirs}"
    if any(status not in REFUSALS for status in ours):
        return f"we answered {ours}"
    if outcome.excess:
        return f"after the answers came {outcome.excess[:60]!r}"
    cut = len(seen.begun) - len(seen.whole)
    if cut > 1 or (outcome.answers and len(seen.begun) > len(outcome.answers)):
        return f"{seen.begun} reached the app for {len(outcome.answers)} answers"
    if ours and not theirs and seen.wire and not cut:
        return f"refused, yet the app got {seen.wire[:60]!r}"
    return ""


async def _next_client(port: int, capture: Capture) -> str:
    """Somebody else asks over the same pool right after, and gets the answer to what was asked."""
    capture.forget()
    request = f"GET /next-client HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    outcome = await talk(port, (request,), "GET")
    if [answer.body for answer in outcome.answers] != [b"GET /next-client 0\n"]:
        return f"the next client got {outcome.answers}"
    return ""
