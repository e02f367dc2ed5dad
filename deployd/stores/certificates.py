"""Keeps accounts, orders and certificates in SQL, each private key sealed under the master key for its own place."""

import msgspec

from deployd.domain.certificate import Account, Certificate, Issued, Order, OrderState
from deployd.domain.secret import Secret
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.database import Database, Row, Statement
from deployd.stores.master_key import MasterKey
from deployd.stores.rows import to_json
from sql.loader import queries

_SQL = queries("certificates")


class SqlCertificateStore:
    def __init__(self, database: Database, key: MasterKey, broken: BrokenRows) -> None:
        self._broken = broken
        self._database = database
        self._key = key

    async def account(self, directory: str) -> Account | None:
        row = await self._database.fetch_one(_SQL["account"], directory)
        if row is None:
            return None
        return Account(directory=directory, key=self._open(row, _account(directory)))

    async def add_account(self, account: Account, now_ms: int) -> Account:
        sealed = self._seal(account.key, _account(account.directory))
        await self._database.transact(Statement(_SQL["add_account"], (account.directory, sealed, now_ms)))
        return await self.account(account.directory) or account

    async def orders(self) -> list[Order]:
        rows = await self._database.fetch(_SQL["orders"])
        return await self._broken.readable("The order for", rows, _name, lambda _: "", self._order)

    async def put_order(self, order: Order, now_ms: int) -> None:
        sealed = None if order.key is None else self._seal(order.key, _order(order.name))
        row = (order.name, order.directory, order.state, order.failures, order.try_ms, order.url, sealed, order.reason)
        await self._database.transact(Statement(_SQL["put_order"], (*row, now_ms)))

    async def drop_order(self, name: str) -> None:
        await self._database.transact(Statement(_SQL["drop_order"], (name,)))

    async def certificates(self) -> list[Issued]:
        rows = await self._database.fetch(_SQL["certificates"])
        return await self._broken.readable("The certificate for", rows, _name, lambda _: "", self._issued)

    async def issue(self, issued: Issued) -> None:
        certificate = issued.certificate
        row = (
            issued.name,
            issued.directory,
            to_json(certificate.names),
            certificate.chain,
            self._seal(certificate.key, _certificate(issued.name)),
            certificate.not_before_ms,
            certificate.not_after_ms,
            issued.renew_ms,
            issued.ask_ms,
        )
        await self._database.transact(
            Statement(_SQL["put_certificate"], row), Statement(_SQL["drop_order"], (issued.name,))
        )

    async def reschedule(self, name: str, renew_ms: int, ask_ms: int) -> None:
        await self._database.transact(Statement(_SQL["reschedule"], (name, renew_ms, ask_ms)))

    async def drop_certificate(self, name: str) -> None:
        await self._database.transact(Statement(_SQL["drop_certificate"], (name,)))

    def _order(self, row: Row) -> Order:
        fields = dict(row)
        sealed = fields.pop("sealed_key")
        key = None if sealed is None else self._open(row, _order(row["name"]))
        return Order(**fields | {"state": OrderState(row["state"]), "key": key})

    def _issued(self, row: Row) -> Issued:
        certificate = Certificate(
            names=msgspec.json.decode(row["names"], type=tuple[str, ...]),
            chain=row["chain"],
            key=self._open(row, _certificate(row["name"])),
            not_before_ms=row["not_before_ms"],
            not_after_ms=row["not_after_ms"],
        )
        return Issued(
            name=row["name"],
            directory=row["directory"],
            certificate=certificate,
            renew_ms=row["renew_ms"],
            ask_ms=row["ask_ms"],
        )

    def _seal(self, key: Secret, place: str) -> bytes:
        return self._key.seal(key.reveal().encode(), place)

    def _open(self, row: Row, place: str) -> Secret:
        return Secret(self._key.open(row["sealed_key"], place).decode())


def _name(row: Row) -> str:
    return str(row["name"])


def _account(directory: str) -> str:
    return f"the account at {directory}"


def _order(name: str) -> str:
    return f"the order for {name}"


def _certificate(name: str) -> str:
    return f"the certificate for {name}"
