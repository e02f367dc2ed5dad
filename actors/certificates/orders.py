"""The orders for certificates: one for each name, each step written down before the next is taken."""

import asyncio

import msgspec

from actors.certificates.tools import CertificateTools
from deployd.domain.certificate import Account, Certificate, Issued, Order, OrderState, moment_in, renew_at_ms
from deployd.domain.errors import ProviderUnavailable, UserMistake
from deployd.domain.event import EventType
from deployd.domain.ids import AppName
from deployd.domain.log_line import Level
from deployd.domain.secret import Secret
from deployd.kernel.backoff import Backoff
from deployd.ports.certificate_authority import CertificateAuthority, OrderLost

_AT_ONCE = 4
_BACKOFF = Backoff(first_seconds=300.0, factor=2.0, cap_seconds=86_400.0, jitter=0.2)
"""Let's Encrypt lets a name fail five times an hour."""
_LONGEST_WISH_SECONDS = 7 * 86_400.0
_NO_ANSWER_SECONDS = 6 * 3600.0
_NO_OPINION_SECONDS = 86_400.0
_LATEST = 6
"""However late an authority suggests a renewal, a sixth of the certificate's life is left for things to go wrong."""


class Orders:
    """Holds in memory what the store holds; only `fetch` and its helpers change it."""

    def __init__(self, tools: CertificateTools, authority: CertificateAuthority) -> None:
        self._tools = tools
        self._authority = authority
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._registering = asyncio.Lock()
        self._orders: dict[str, Order] = {}
        self.issued: dict[str, Issued] = {}

    async def load(self) -> None:
        self._orders = {order.name: order for order in await self._tools.store.orders()}
        self.issued = {issued.name: issued for issued in await self._tools.store.certificates()}

    def names(self) -> set[str]:
        return set(self._orders)

    def is_due(self, name: str) -> bool:
        now = self._tools.clock.now_ms()
        order, issued, directory = self._orders.get(name), self.issued.get(name), self._authority.directory
        if order is not None and order.directory == directory:
            return order.try_ms <= now
        return issued is None or issued.directory != directory or issued.renew_ms <= now

    def reason(self, name: str) -> str | None:
        """Why there is no newer certificate yet."""
        order = self._orders.get(name)
        return order.reason if order is not None else None

    async def drop(self, name: str) -> None:
        if self._orders.pop(name, None) is not None:
            await self._tools.store.drop_order(name)
        self._tools.warnings.clear(_order(name))

    async def drop_certificate(self, name: str) -> None:
        if self.issued.pop(name, None) is not None:
            await self._tools.store.drop_certificate(name)

    async def fetch(self, name: str, app: AppName) -> None:
        """Ends with a certificate, or with the order put off; cancelled, it is gone on with at the next start."""
        async with self._slots:
            try:
                issued = await self._fetch(name)
            except (ProviderUnavailable, UserMistake) as failure:
                await self._put_off(name, app, failure)
                return
        self._tools.warnings.clear(_order(name))
        self._tools.journal.say(app, None, f"A certificate for {name} was issued.")
        await self._tools.journal.note(
            EventType.CERTIFICATE_ISSUED,
            app,
            name,
            {"directory": issued.directory, "not_after_ms": issued.certificate.not_after_ms},
        )

    async def _fetch(self, name: str) -> Issued:
        await self._register()
        order = self._orders.get(name)
        if order is None or order.directory != self._authority.directory:
            order = Order(name=name, directory=self._authority.directory)
        if order.url is None:
            return await self._complete(await self._place(order))
        try:
            return await self._complete(order)
        except OrderLost:  # While nobody was here to go on with it.
            return await self._complete(await self._place(order))

    async def _register(self) -> None:
        async with self._registering:
            store, directory = self._tools.store, self._authority.directory
            account = await store.account(directory)
            if account is None:
                fresh = Account(directory=directory, key=self._authority.new_key())
                account = await store.add_account(fresh, self._tools.clock.now_ms())
            await self._authority.register(account)

    async def _place(self, order: Order) -> Order:
        before = self.issued.get(order.name)
        replaces = before.certificate.chain if before is not None and before.directory == order.directory else None
        url = await self._authority.place(order.name, replaces)
        placed = msgspec.structs.replace(order, state=OrderState.PLACED, url=url, key=self._authority.new_key())
        await self._write(placed)
        return placed

    async def _complete(self, order: Order) -> Issued:
        assert order.url is not None
        assert order.key is not None
        tools = self._tools
        kinds = tools.board.kinds()
        first = order.failures % len(kinds) if kinds else 0  # What failed last time is not what is tried first.
        chain = await self._authority.complete(order.url, order.key, tools.board, kinds[first:] + kinds[:first])
        certificate = await self._read(order, chain, order.key)
        issued = Issued(
            name=order.name,
            directory=order.directory,
            certificate=certificate,
            renew_ms=renew_at_ms(certificate, tools.random),
        )
        await tools.store.issue(issued)
        self._orders.pop(order.name, None)
        self.issued[order.name] = issued
        return issued

    async def _read(self, order: Order, chain: str, key: Secret) -> Certificate:
        certificate = await asyncio.to_thread(self._tools.read, chain, key)
        if order.name not in certificate.names:
            raise OrderLost(f"The authority issued a certificate for {', '.join(certificate.names)} instead.")
        return certificate

    async def _put_off(self, name: str, app: AppName, failure: ProviderUnavailable | UserMistake) -> None:
        tools = self._tools
        order = self._orders.get(name) or Order(name=name, directory=self._authority.directory)
        failures = order.failures + 1
        wanted = failure.retry_after_seconds if isinstance(failure, ProviderUnavailable) else None
        delay = max(_BACKOFF.delay(failures, tools.random), min(wanted or 0.0, _LONGEST_WISH_SECONDS))
        try_ms = tools.clock.now_ms() + int(delay * 1000)
        order = msgspec.structs.replace(
            order, directory=self._authority.directory, failures=failures, try_ms=try_ms, reason=str(failure)
        )
        if not isinstance(failure, ProviderUnavailable) or isinstance(failure, OrderLost):
            order = msgspec.structs.replace(order, state=OrderState.WAITING, url=None, key=None)
        await self._write(order)
        text = f"No certificate for {name} yet: {failure} The next try is in {_spoken(delay)}."
        tools.warnings.say(_order(name), text)
        tools.journal.say(app, None, text, Level.WARN)
        await tools.journal.note(
            EventType.CERTIFICATE_FAILED,
            app,
            name,
            {"reason": str(failure), "failures": failures, "try_ms": try_ms},
        )

    async def _write(self, order: Order) -> None:
        await self._tools.store.put_order(order, self._tools.clock.now_ms())
        self._orders[order.name] = order

    def may_ask_about(self, name: str) -> bool:
        """Whether it is time to ask the authority when it wants the certificate renewed."""
        issued = self.issued.get(name)
        if issued is None or issued.directory != self._authority.directory:
            return False
        return issued.ask_ms <= self._tools.clock.now_ms()

    async def ask_about(self, name: str) -> None:
        issued, now = self.issued.get(name), self._tools.clock.now_ms()
        if issued is None:
            return
        renew_ms, seconds = issued.renew_ms, _NO_OPINION_SECONDS
        try:
            window = await self._authority.renewal_window(issued.certificate.chain)
        except ProviderUnavailable:  # Then the certificate's own dates hold.
            window, seconds = None, _NO_ANSWER_SECONDS
        if window is not None:
            seconds = window.ask_again_seconds
            if not window.start_ms <= renew_ms <= window.end_ms:
                renew_ms = min(moment_in(window, self._tools.random), _latest(issued.certificate))
        if self.issued.get(name) is issued:
            ask_ms = now + int(seconds * 1000)
            await self._tools.store.reschedule(name, renew_ms, ask_ms)
            self.issued[name] = msgspec.structs.replace(issued, renew_ms=renew_ms, ask_ms=ask_ms)


def _order(name: str) -> str:
    return f"certificate order {name}"


def _latest(certificate: Certificate) -> int:
    return certificate.not_after_ms - (certificate.not_after_ms - certificate.not_before_ms) // _LATEST


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
