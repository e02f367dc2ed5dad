"""The health gate: a new instance gets traffic only after it answered from outside."""

import asyncio

import msgspec

from actors.deploy.fleet import Fleet, address_of
from actors.deploy.tools import DeployTools
from deployd.domain.app import App, HealthCheck
from deployd.domain.errors import StartFailed
from deployd.domain.instance import Instance
from deployd.domain.log_line import Level
from deployd.domain.place import front_place, is_below
from deployd.domain.route import Address
from deployd.kernel.first_failure import first_failure

_FIRST_INTERVAL_SECONDS = 0.05
_BETWEEN_SUCCESSES_SECONDS = 0.01
_LONGEST_INTERVAL_SECONDS = 1.0
_WORKER_MUST_LIVE_SECONDS = 1.0
_LASTS_SECONDS = 1.0


class Gate:
    def __init__(self, tools: DeployTools, fleet: Fleet) -> None:
        self._tools = tools
        self._fleet = fleet

    async def pass_all(self, app: App, check: HealthCheck, instances: list[Instance]) -> None:
        """StartFailed with the first reason; the other checks stop with it."""
        with first_failure(StartFailed):
            async with asyncio.TaskGroup() as group:
                for instance in instances:
                    group.create_task(self._pass(app, check, instance), name=f"gate {instance.id}")

    async def _pass(self, app: App, check: HealthCheck, instance: Instance) -> None:
        if instance.kind != "web":
            await self._stays_alive(instance)
            return
        await self._healthy(app, check, instance)
        if not await self._tools.runtime.owns_port(instance):
            raise StartFailed(f"Port {instance.port} is answered by another program than {instance.process}.")

    async def _stays_alive(self, instance: Instance) -> None:
        """A process that serves nothing passes when it did not end at once."""
        done, _ = await asyncio.wait({self._fleet.ended(instance)}, timeout=_WORKER_MUST_LIVE_SECONDS)
        for ended in done:
            raise StartFailed(f"{instance.process} {ended.result()} right after its start.")

    async def _healthy(self, app: App, check: HealthCheck, instance: Instance) -> None:
        """Asks at growing intervals; an instance that ends meanwhile fails at once."""
        ended = self._fleet.ended(instance)
        host = front_place(app.hosts(self._tools.base_domain)).concrete_host
        interval, successes, wrong = _FIRST_INTERVAL_SECONDS, 0, "it was never asked"
        told = _Told(self._tools, app, instance, check)
        try:
            async with asyncio.timeout(check.gate_seconds):
                while successes < check.successes:
                    answer = await self._tools.health.probe(address_of(instance), host, check)
                    successes = successes + 1 if answer is None else 0
                    wrong = answer or wrong
                    told.note(answer)
                    await asyncio.wait({ended}, timeout=interval if answer else _BETWEEN_SUCCESSES_SECONDS)
                    if ended.done():
                        raise StartFailed(f"{instance.process} {ended.result()} before it was healthy.")
                    interval = min(interval * 1.5, _LONGEST_INTERVAL_SECONDS)
                told.healthy()
        except TimeoutError:
            raise StartFailed(
                f"{instance.process} was not healthy within {check.gate_seconds:g} s: GET {check.path} said: {wrong}."
            ) from None

    async def through_proxy(self, app: App, check: HealthCheck, front: Address) -> None:
        """What is called live has answered through the proxy under its own host name."""
        place = front_place(app.hosts(self._tools.base_domain))
        under = place.prefix
        if under and not app.settings.proxy.strip_prefix:
            if is_below(check.path, under):
                under = ""
            else:  # its health path is not served to the outside: it is asked for what is
                check = msgspec.structs.replace(check, path="/")
        wrong = await self._tools.health.probe(front, place.concrete_host, check, self._tools.door_pass(), under)
        if wrong is not None:
            raise StartFailed(f"The new release answered directly but not through the proxy: {wrong}.")


class _Told:
    """One line for each change of what an instance answers, once it has lasted for a second: not two for each probe."""

    def __init__(self, tools: DeployTools, app: App, instance: Instance, check: HealthCheck) -> None:
        self._tools = tools
        self._app = app
        self._instance = instance
        self._check = check
        self._began = self._since = tools.clock.monotonic()
        self._answer: str | None = None
        self._said: set[str] = set()

    def note(self, answer: str | None) -> None:
        now = self._tools.clock.monotonic()
        if answer != self._answer:
            self._answer, self._since = answer, now
        if answer is not None and answer not in self._said and now - self._since >= _LASTS_SECONDS:
            self._said.add(answer)
            self._say(f"is not healthy yet (GET {self._check.path}: {answer})", Level.WARN)

    def healthy(self) -> None:
        self._say(
            f"is healthy after {self._tools.clock.monotonic() - self._began:.1f} s: GET {self._check.path} answers"
        )

    def _say(self, text: str, level: Level = Level.INFO) -> None:
        one = self._instance
        self._tools.journal.say(self._app.name, one.deployment, f"{one.process} {text}.", level, one.release)
