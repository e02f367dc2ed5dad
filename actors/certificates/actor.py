"""CertificateActor: every routed name has a certificate, in time, and the proxy serves the newest."""

import asyncio
from contextlib import suppress
from typing import assert_never

from actors.certificates.expiry import ExpiryWatch
from actors.certificates.orders import Orders
from actors.certificates.tools import CertificateTools
from deployd.domain.certificate import Certificate, covers, names_to_certify
from deployd.domain.errors import DeploydError
from deployd.domain.ids import SYSTEM_APP, AppName
from deployd.domain.log_line import Level
from deployd.kernel.actor import Actor
from deployd.kernel.ref import Ref
from deployd.messages.certificates import CertificateMessage, FilesChanged, HostsRouted

_LOOK_SECONDS = 60.0


class CertificateActor(Actor[CertificateMessage]):
    """The routes say what is wanted, the store what there is; a message only says that it is time to look."""

    expected = (DeploydError,)

    def __init__(self, ref: Ref[CertificateMessage], tools: CertificateTools) -> None:
        super().__init__(ref)
        self._tools = tools
        self._orders = Orders(tools, tools.authority) if tools.authority is not None else None
        self._expiry = ExpiryWatch(tools)
        self._own: list[Certificate] = []
        self._own_problems: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wildcards_said: set[str] = set()
        self._asking: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()

    async def on_start(self) -> None:
        """What there is is served before the listener opens; unfinished orders are gone on with after."""
        if self._orders is not None:
            await self._orders.load()
        await self._read_own()
        self._serve()
        self._asked.set()
        self.spawn(self._keep_looking(), name="keep looking")
        self.spawn(self._watch_files(), name="watch certificate files")

    async def handle(self, message: CertificateMessage) -> object:
        match message:
            case HostsRouted() | FilesChanged():
                self._asked.set()
            case _:
                assert_never(message)
        return None

    async def _watch_files(self) -> None:
        async for _ in self._tools.files.changes():
            self.ref.tell(FilesChanged())

    async def _keep_looking(self) -> None:
        """However many messages came: one look after the other."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._asked.wait()
            self._asked.clear()
            try:
                await self._look()
            except DeploydError as failure:  # The next look may find the store well again.
                self._tools.journal.say(SYSTEM_APP, None, f"Certificates were not looked after: {failure}", Level.ERROR)

    async def _look(self) -> None:
        await self._read_own()
        wanted = await self._wanted()
        if self._orders is not None and self._tools.accepting():
            await self._forget_unwanted(self._orders, wanted)
            for name in sorted(wanted):
                if name not in self._running and self._orders.is_due(name):
                    self._running[name] = self.spawn(self._fetch(self._orders, name, wanted[name]), name=name)
            self._ask_about(self._orders, wanted)
        self._serve()
        await self._expiry.look(self._served(wanted))

    def _ask_about(self, orders: Orders, wanted: dict[str, AppName]) -> None:
        """One name after the other, beside everything else: an authority may take its time."""
        due = sorted(name for name in wanted if orders.may_ask_about(name))
        if due and (self._asking is None or self._asking.done()):
            self._asking = self.spawn(self._ask(orders, due), name="ask about renewals")

    async def _ask(self, orders: Orders, names: list[str]) -> None:
        for name in names:
            await orders.ask_about(name)
        self._asked.set()

    async def _fetch(self, orders: Orders, name: str, app: AppName) -> None:
        try:
            await orders.fetch(name, app)
            self._serve()
        finally:
            if self._running.get(name) is asyncio.current_task():
                del self._running[name]

    async def _wanted(self) -> dict[str, AppName]:
        """The names to be certified by the authority, and whose each is."""
        wanted: dict[str, AppName] = {}
        hosts: dict[AppName, tuple[str, ...]] = {SYSTEM_APP: (self._tools.control_host,)}
        hosts |= {route.app: route.hosts for route in await self._tools.routes.all()}
        for app, its_hosts in hosts.items():
            names, wildcards = names_to_certify(its_hosts, self._tools.public)
            wanted |= {name: app for name in names if not self._is_covered(name)}
            if self._orders is not None:
                self._say_wildcards({name for name in wildcards if not self._is_covered(name)}, app)
        return wanted

    def _is_covered(self, name: str) -> bool:
        return any(covers(pattern, name) for one in self._own for pattern in one.names)

    def _say_wildcards(self, wildcards: set[str], app: AppName) -> None:
        for name in sorted(wildcards - self._wildcards_said):
            self._wildcards_said.add(name)
            self._tools.journal.say(
                app, None, f"{name} gets no certificate: only DNS can prove a wildcard; name one of your own in [tls]."
            )

    async def _forget_unwanted(self, orders: Orders, wanted: dict[str, AppName]) -> None:
        """Nobody asks for a name that is not routed here; its certificate is kept while it lives, if it comes back."""
        for name in (orders.names() | set(self._running)) - set(wanted):
            if task := self._running.pop(name, None):
                task.cancel()
                await asyncio.wait({task})
            await orders.drop(name)
        now = self._tools.clock.now_ms()
        for name in [one for one in orders.issued if one not in wanted]:
            if orders.issued[name].certificate.not_after_ms < now:
                await orders.drop_certificate(name)

    async def _read_own(self) -> None:
        self._own, problems = await self._tools.files.read()
        for problem in problems:
            if problem not in self._own_problems:
                self._tools.journal.say(SYSTEM_APP, None, problem, Level.ERROR)
        self._own_problems = set(problems)
        if problems:
            self._tools.warnings.say("certificate files", " ".join(problems))
        else:
            self._tools.warnings.clear("certificate files")

    def _serve(self) -> None:
        """The user's own first: of two certificates for one name it is theirs that counts."""
        issued = self._orders.issued.values() if self._orders is not None else ()
        self._tools.shelf.hold([*self._own, *(one.certificate for one in issued if not self._is_covered(one.name))])

    def _served(self, wanted: dict[str, AppName]) -> dict[str, tuple[AppName, Certificate, str | None]]:
        served = {one.names[0]: (SYSTEM_APP, one, None) for one in self._own if one.names}
        if self._orders is None:
            return {**served}
        issued = self._orders.issued
        mine = {
            name: (app, issued[name].certificate, self._orders.reason(name))
            for name, app in wanted.items()
            if name in issued
        }
        return {**served, **mine}
