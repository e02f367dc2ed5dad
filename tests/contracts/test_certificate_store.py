"""What a CertificateStore promises."""

from typing import Any

import msgspec

from deployd.domain.certificate import Account, Certificate, Issued, Order, OrderState
from deployd.domain.secret import Secret
from deployd.ports.stores import Stores
from deployd.stores.broken_rows import BrokenRows
from deployd.stores.certificates import SqlCertificateStore
from deployd.stores.database import Database
from deployd.stores.master_key import MasterKey

DIRECTORY = "https://acme.example.com/directory"
KEY = Secret("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
WAITING = Order(name="a.example.com", directory=DIRECTORY, failures=3, try_ms=7_000, reason="No answer.")
PLACED = Order(
    name="b.example.com", directory=DIRECTORY, state=OrderState.PLACED, url="https://acme.example.com/1", key=KEY
)


def issued(name: str = "a.example.com", **changes: Any) -> Issued:
    certificate = Certificate(names=(name,), chain="PEM", key=KEY, not_before_ms=1, not_after_ms=9_000)
    return Issued(**{"name": name, "directory": DIRECTORY, "certificate": certificate, "renew_ms": 6_000, **changes})


async def test_an_account_stays_the_one_that_was_there_first(stores: Stores) -> None:
    store = stores.certificates
    assert await store.account(DIRECTORY) is None
    first = Account(directory=DIRECTORY, key=KEY)
    assert await store.add_account(first, 1) == first
    assert await store.add_account(Account(directory=DIRECTORY, key=Secret("another")), 2) == first
    assert await store.account(DIRECTORY) == first
    assert await store.account("https://other.example.com") is None


async def test_orders_come_back_as_they_were_put(stores: Stores) -> None:
    for order in (PLACED, WAITING):
        await stores.certificates.put_order(order, 1)
    assert await stores.certificates.orders() == [WAITING, PLACED]


async def test_a_name_has_one_order(stores: Stores) -> None:
    await stores.certificates.put_order(WAITING, 1)
    placed = msgspec.structs.replace(PLACED, name=WAITING.name)
    await stores.certificates.put_order(placed, 2)
    assert await stores.certificates.orders() == [placed]
    await stores.certificates.drop_order(placed.name)
    assert await stores.certificates.orders() == []


async def test_a_certificate_that_is_issued_ends_its_order(stores: Stores) -> None:
    for order in (PLACED, WAITING):
        await stores.certificates.put_order(order, 1)
    await stores.certificates.issue(issued())
    assert await stores.certificates.certificates() == [issued()]
    assert await stores.certificates.orders() == [PLACED]


async def test_a_newer_certificate_takes_the_place_of_the_older(stores: Stores) -> None:
    for renew_ms in (6_000, 7_000):
        await stores.certificates.issue(issued(renew_ms=renew_ms))
    assert await stores.certificates.certificates() == [issued(renew_ms=7_000)]


async def test_renewal_times_can_be_moved_and_certificates_dropped(stores: Stores) -> None:
    for name in ("a.example.com", "b.example.com"):
        await stores.certificates.issue(issued(name))
    await stores.certificates.reschedule("a.example.com", 4_000, 2_000)
    await stores.certificates.drop_certificate("b.example.com")
    assert await stores.certificates.certificates() == [issued(renew_ms=4_000, ask_ms=2_000)]


async def test_keys_are_sealed_for_their_own_place(stores: Stores, database: Database) -> None:
    await stores.certificates.put_order(PLACED, 1)
    await stores.certificates.issue(issued())
    for table in ("certificate_orders", "certificates"):
        (row,) = await database.fetch(f"SELECT sealed_key FROM {table}")
        assert b"secret" not in bytes(row["sealed_key"])
    broken = BrokenRows()
    assert await SqlCertificateStore(database, MasterKey(bytes(32)), broken).certificates() == []
    assert "does not open with this master key" in broken.sentences()[0]
