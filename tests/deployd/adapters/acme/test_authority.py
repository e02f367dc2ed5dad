"""The ACME client against what real authorities say rarely; the ordinary way is proven against Pebble."""

import base64
from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest
from aiohttp import web

from deployd.adapters import acme
from deployd.adapters.acme.authority import AcmeAuthority
from deployd.adapters.acme.request import renewal_id
from deployd.domain.certificate import Account
from deployd.domain.errors import ProviderUnavailable, UserMistake
from deployd.kernel.clock import SystemClock
from deployd.ports.certificate_authority import OrderLost
from tests.deployd.adapters.acme.scripted import Scripted, problem, scripted
from tests.support.certificate_maker import CertificateMaker

DAY = 86_400_000
MAKER = CertificateMaker()


class StillClock(SystemClock):
    def now_ms(self) -> int:
        return 1_700_000_000_000


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as server:
        yield server


@pytest.fixture
async def authority(server: Scripted) -> AsyncIterator[AcmeAuthority]:
    authority = acme.connect(server.directory, "ops@example.com", "", StillClock())
    yield authority
    await authority.close()


@pytest.fixture
async def known(authority: AcmeAuthority) -> AcmeAuthority:
    await authority.register(Account(directory=authority.directory, key=authority.new_key()))
    return authority


async def test_an_account_is_registered_once_and_its_orders_are_signed_by_it(
    server: Scripted, known: AcmeAuthority
) -> None:
    await known.register(Account(directory=known.directory, key=known.new_key()))
    assert await known.place("a.example.com", None) == f"{server.base}/order/1"
    assert server.asked["/account"] == 1
    assert server.orders == [{"identifiers": [{"type": "dns", "value": "a.example.com"}]}]


async def test_a_refused_nonce_is_tried_again_with_a_fresh_one_but_not_for_ever(
    server: Scripted, known: AcmeAuthority
) -> None:
    server.says["/order"] = iter([problem("badNonce", 400)] * 9)
    assert await known.place("a.example.com", None) == f"{server.base}/order/1"
    server.says["/order"] = iter([problem("badNonce", 400)] * 20)
    with pytest.raises(ProviderUnavailable, match="refused"):
        await known.place("a.example.com", None)
    assert server.asked["/order"] == 20


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3600", 3600.0), (formatdate(1_700_000_000 + 90, usegmt=True), 90.0), ("soon", None), (None, None)],
)
async def test_a_rate_limit_says_when_to_come_again(
    server: Scripted, known: AcmeAuthority, header: str | None, seconds: float | None
) -> None:
    headers = {"Retry-After": header} if header else None
    server.says["/order"] = iter([problem("rateLimited", 429, headers, "Too many certificates.")])
    with pytest.raises(ProviderUnavailable, match=r"Too many certificates\.") as refused:
        await known.place("a.example.com", None)
    assert refused.value.retry_after_seconds == seconds


async def test_an_account_that_was_forgotten_is_registered_again_before_the_next_order(
    server: Scripted, known: AcmeAuthority
) -> None:
    server.says["/order"] = iter([problem("accountDoesNotExist", 400)])
    with pytest.raises(ProviderUnavailable):
        await known.place("a.example.com", None)
    await known.register(Account(directory=known.directory, key=known.new_key()))
    assert server.asked["/account"] == 2
    assert await known.place("a.example.com", None)


async def test_a_renewal_names_its_predecessor_where_the_authority_knows_of_renewals(
    server: Scripted, known: AcmeAuthority
) -> None:
    chain = MAKER.make("a.example.com").chain
    server.ari = True
    await known.close()
    asking = acme.connect(server.directory, "", "", StillClock())
    await asking.register(Account(directory=server.directory, key=asking.new_key()))
    await asking.place("a.example.com", chain)
    server.says["/order"] = iter([problem("alreadyReplaced", 409)])
    await asking.place("a.example.com", chain)
    await asking.close()
    assert [order.get("replaces") for order in server.orders] == [renewal_id(chain), None]


async def test_the_authority_says_when_it_wants_a_renewal(server: Scripted) -> None:
    chain = MAKER.make("a.example.com").chain
    window = {"start": "2023-11-15T00:00:00Z", "end": "2023-11-17T00:00:00Z"}
    server.ari = True
    server.says[f"/ari/{renewal_id(chain)}"] = iter(
        [lambda: web.json_response({"suggestedWindow": window}, headers={"Retry-After": "21600"})]
    )
    asking = acme.connect(server.directory, "", "", StillClock())
    suggested = await asking.renewal_window(chain)
    await asking.close()
    assert suggested is not None
    assert (suggested.end_ms - suggested.start_ms, suggested.ask_again_seconds) == (2 * DAY, 21_600.0)
    assert suggested.start_ms == 1_700_006_400_000


async def test_an_authority_without_renewal_information_has_no_opinion(authority: AcmeAuthority) -> None:
    assert await authority.renewal_window(MAKER.make("a.example.com").chain) is None


@pytest.mark.parametrize(("serial", "written"), [(0x12345678, "EjRWeA"), (0x87654321, "AIdlQyE"), (0xFF, "AP8")])
def test_a_certificate_is_named_by_its_issuers_key_and_its_number_as_der_has_it(serial: int, written: str) -> None:
    """A number that begins with a set bit has a zero byte in front (RFC 9773 section 4.1)."""
    key, _, number = str(renewal_id(MAKER.make("a.example.com", serial=serial).chain)).partition(".")
    assert base64.urlsafe_b64decode(key + "=") == MAKER.key_id
    assert number == written


@pytest.mark.parametrize("status", ["invalid", "expired", "deactivated"])
async def test_an_order_whose_proof_failed_has_to_be_placed_anew(
    server: Scripted, known: AcmeAuthority, status: str
) -> None:
    order = {"status": "invalid", "finalize": "", "authorizations": [f"{server.base}/proof"]}
    failed = {"type": "http-01", "url": "", "status": "invalid", "error": {"detail": "Connection refused"}}
    proof = {"identifier": {"type": "dns", "value": "a.example.com"}, "status": status, "challenges": [failed]}
    server.says["/order/1"] = iter([lambda: web.json_response(order)])
    server.says["/proof"] = iter([lambda: web.json_response(proof)])
    with pytest.raises(OrderLost, match="Connection refused"):
        await known.complete(f"{server.base}/order/1", known.new_key(), _NoBoard(), ())


class _NoBoard:
    def kinds(self) -> tuple[()]:
        return ()

    async def put_up(self, challenge: object) -> None:
        raise AssertionError("nothing is to be proven here")

    def take_down(self, challenge: object) -> None: ...


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}"])
async def test_what_is_no_acme_is_said_in_a_sentence(server: Scripted, authority: AcmeAuthority, body: bytes) -> None:
    server.says["/dir"] = iter([lambda: web.Response(body=body)])
    with pytest.raises(ProviderUnavailable, match="what is no ACME"):
        await authority.register(Account(directory=authority.directory, key=authority.new_key()))


async def test_an_authority_that_is_not_there_is_said_in_a_sentence() -> None:
    async with scripted() as gone:
        authority = acme.connect(gone.directory, "", "", StillClock())
    with pytest.raises(ProviderUnavailable, match="does not answer"):
        await authority.register(Account(directory=authority.directory, key=authority.new_key()))
    await authority.close()


def test_a_ca_file_that_is_none_is_refused_with_its_name() -> None:
    with pytest.raises(UserMistake, match=r"`tls\.ca_file` /nowhere\.pem cannot be used"):
        acme.connect("https://acme.example.com", "", "/nowhere.pem", SystemClock())
