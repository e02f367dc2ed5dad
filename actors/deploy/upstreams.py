"""Apps that deployd only routes to: asked again and again whether they answer."""

import asyncio

from actors.deploy.tools import DeployTools
from deployd.domain.app import App
from deployd.domain.log_line import Level
from deployd.domain.route import Address, Route, parse_address
from deployd.messages.proxy import SwitchTraffic

_INTERVAL_SECONDS = 10.0
_SWITCH_SECONDS = 20.0


class Upstreams:
    """Takes an unhealthy target out of the route while a healthy one is left; with none left, all stay in it."""

    def __init__(self, tools: DeployTools) -> None:
        self._tools = tools
        self._down: dict[str, frozenset[Address]] = {}

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            for app in await self._tools.stores.apps.all():
                if app.settings.upstreams and not app.stopped:
                    await self.check(app)

    async def check(self, app: App) -> None:
        host = app.hosts(self._tools.base_domain)[0]
        targets = [parse_address(text) for text in app.settings.upstreams]
        wrong = {
            target: answer
            for target in targets
            if (answer := await self._tools.health.probe(target, host, app.settings.health_check)) is not None
        }
        down = frozenset(wrong)
        if down == self._down.get(app.name, frozenset()):
            return
        self._down[app.name] = down
        for target, answer in wrong.items():
            self._tools.journal.say(
                app.name, None, f"Upstream {target} does not answer as it should: {answer}.", Level.ERROR
            )
        if not wrong:
            self._tools.journal.say(app.name, None, "All upstreams answer.")
        up = tuple(target for target in targets if target not in down) or tuple(targets)
        route = Route(app=app.name, hosts=app.hosts(self._tools.base_domain), targets=up)
        await self._tools.proxy.ask(SwitchTraffic(route=route), _SWITCH_SECONDS)
