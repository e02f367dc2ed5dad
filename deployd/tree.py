"""The map of the process: which actors run, in which order they start, and what happens when one fails."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actors.build import BuildActor
from actors.certificates import CertificateActor
from actors.config import ConfigActor
from actors.deploy import DeployActor
from actors.logs import LogActor
from actors.proxy import ProxyActor
from deployd.kernel.mailbox import Overflow
from deployd.kernel.ref import Ref
from deployd.kernel.supervisor import ChildSpec, GiveUp
from deployd.messages.bot import BotMessage
from deployd.messages.build import BuildMessage
from deployd.messages.certificates import CertificateMessage
from deployd.messages.config import ConfigMessage
from deployd.messages.deploy import DeployMessage
from deployd.messages.log import LogMessage
from deployd.messages.proxy import ProxyMessage
from web.front import FrontActor, FrontMessage

if TYPE_CHECKING:
    from actors.bot import BotActor


@dataclass(frozen=True, kw_only=True)
class Refs:
    """The addresses exist before their actors and outlive their restarts."""

    log: Ref[LogMessage] = field(default_factory=lambda: Ref("log", 20_000, Overflow.DROP_OLDEST))
    proxy: Ref[ProxyMessage] = field(default_factory=lambda: Ref("proxy"))
    deploy: Ref[DeployMessage] = field(default_factory=lambda: Ref("deploy"))
    build: Ref[BuildMessage] = field(default_factory=lambda: Ref("build"))
    certificates: Ref[CertificateMessage] = field(
        default_factory=lambda: Ref("certificates", 100, Overflow.DROP_OLDEST)
    )
    front: Ref[FrontMessage] = field(default_factory=lambda: Ref("front"))
    config: Ref[ConfigMessage] = field(default_factory=lambda: Ref("config"))
    bot: Ref[BotMessage] = field(default_factory=lambda: Ref("bot", 1_000, Overflow.DROP_OLDEST))


@dataclass(frozen=True, kw_only=True)
class Makers:
    """How each actor is made, at the start and after a crash. No https: no certificates. No bot token: no bot."""

    log: Callable[[Ref[LogMessage]], LogActor]
    proxy: Callable[[Ref[ProxyMessage]], ProxyActor]
    deploy: Callable[[Ref[DeployMessage]], DeployActor]
    build: Callable[[Ref[BuildMessage]], BuildActor]
    certificates: Callable[[Ref[CertificateMessage]], CertificateActor] | None
    front: Callable[[Ref[FrontMessage]], FrontActor]
    config: Callable[[Ref[ConfigMessage]], ConfigActor]
    bot: "Callable[[Ref[BotMessage]], BotActor] | None"


def children(refs: Refs, make: Makers, drain_seconds: float) -> list[ChildSpec[Any]]:
    """In start order: what holds the log first, traffic before edits, the bot last. Stopped in reverse."""
    specs: list[ChildSpec[Any]] = [
        ChildSpec(ref=refs.log, build=make.log, stop_seconds=15),
        ChildSpec(ref=refs.proxy, build=make.proxy),
        ChildSpec(ref=refs.deploy, build=make.deploy, stop_seconds=30),
        ChildSpec(ref=refs.build, build=make.build, stop_seconds=15, give_up=GiveUp.PARK),
        *_certificates(refs, make),
        ChildSpec(ref=refs.front, build=make.front, stop_seconds=drain_seconds + 10),
        ChildSpec(ref=refs.config, build=make.config, give_up=GiveUp.PARK),
    ]
    if make.bot is not None:
        specs.append(ChildSpec(ref=refs.bot, build=make.bot, give_up=GiveUp.PARK))
    return specs


def _certificates(refs: Refs, make: Makers) -> list[ChildSpec[Any]]:
    """Before the doors open, so that the first handshake finds its certificate."""
    if make.certificates is None:
        return []
    return [ChildSpec(ref=refs.certificates, build=make.certificates, give_up=GiveUp.PARK)]
