"""What the web edges work with: refs for writes, read ports for reads, and the facts about this process."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from deployd.domain.env import EnvLayer
from deployd.domain.errors import UserMistake
from deployd.domain.ids import AppName
from deployd.kernel.clock import Clock
from deployd.kernel.ref import Ref
from deployd.messages.config import ConfigMessage
from deployd.messages.deploy import DeployMessage
from deployd.messages.log import LogMessage
from deployd.messages.proxy import ProxyMessage
from deployd.ports.log_store import LogStore
from deployd.ports.stores import Stores
from deployd.ports.toolchains import Toolchains
from deployd.settings.declared import Declared
from web.vitals import Vitals

ASK_SECONDS = 10.0
STOP_SECONDS = 60.0
"""For what waits until processes are gone: each gets 10 s to end by itself."""


async def _no_reload() -> None:
    raise UserMistake("This deployd cannot be reloaded.")


def _plain_url(host: str) -> str:
    return f"http://{host}/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """`url_of` turns a host name into the URL a person can open; `control_host` is deployd's own public name;
    `reload` brings up the process that follows this one; `settled` tells whether this one is the service by now;
    `declared` says which apps deployd.toml owns.
    """

    deploy: Ref[DeployMessage]
    proxy: Ref[ProxyMessage]
    log: Ref[LogMessage]
    stores: Stores
    logs: LogStore
    clock: Clock
    base_domain: str
    version: str
    control_host: str | None = None
    url_of: Callable[[str], str] = _plain_url
    reload: Callable[[], Awaitable[None]] = _no_reload
    settled: Callable[[], bool] = lambda: True
    toolchains: Toolchains | None = None
    vitals: Vitals = field(default_factory=Vitals)
    config: Ref[ConfigMessage] = field(default_factory=lambda: Ref("config"))
    declared: Declared = field(default_factory=Declared)


DESK = web.AppKey("desk", Desk)


def desk_of(request: web.Request) -> Desk:
    return request.app[DESK]


async def env_drift(desk: Desk, app: AppName) -> tuple[str, ...]:
    return desk.declared.hidden_env(app, await desk.stores.envs.layer(app, EnvLayer.SET))
