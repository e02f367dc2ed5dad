"""Credentials: asked for, compared once, remembered by digest."""

import base64
import re

import pytest

from deployd.domain.edge import EdgeSettings, check_edge
from deployd.proxy.door.basic_auth import Attempt, BasicAuth
from deployd.proxy.door.password import NOBODY, hash_password, password_fits
from deployd.proxy.door.verdict import Verdict

STORED = hash_password(b"open sesame")
HERE = "192.0.2.1"


def fields(credentials: str, scheme: str = "Basic") -> bytes:
    return f"Authorization: {scheme} {base64.b64encode(credentials.encode()).decode()}\r\n".encode()


def tried(auth: BasicAuth, credentials: str, ip: str = HERE, now: float = 0.0) -> int | None:
    """The status it is answered with; None when it is let in. Compares here, where deployd uses a thread."""
    found = auth.check(fields(credentials), ip, now)
    if isinstance(found, Attempt):
        found = found.settle(password_fits(found.password, found.stored))
    return found.status if isinstance(found, Verdict) else None


def test_a_hash_has_its_own_salt_fits_its_password_and_is_a_valid_setting() -> None:
    again = hash_password(b"open sesame")
    assert again != STORED
    assert re.fullmatch(r"scrypt:[0-9a-f]{32}:[0-9a-f]{64}", again)
    assert password_fits(b"open sesame", again)
    assert not password_fits(b"open sesame ", again)
    assert not password_fits(b"", NOBODY)
    check_edge(EdgeSettings(basic_auth={"me": again, "you": NOBODY}))


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"Host: a\r\n",
        b"Authorization: Bearer abc\r\n",
        b"Authorization: Basic\r\n",
        b"Authorization: Basic !!!\r\n",
        b"Authorization: Basic " + base64.b64encode(b"no colon") + b"\r\n",
        b"Authorization: Basic " + base64.b64encode(b"\xff\xfe:x") + b"\r\n",
        b"Authorization: Basic " + base64.b64encode(b"me:" + b"x" * 2_000) + b"\r\n",
        b"X-Authorization: Basic bWU6eA==\r\n",
    ],
)
def test_what_carries_no_credentials_is_asked_for_them_and_costs_nothing(given: bytes) -> None:
    found = BasicAuth({"me": STORED}, "shop").check(given, HERE, 0.0)
    assert isinstance(found, Verdict)
    assert found.status == 401
    assert found.extra == b'WWW-Authenticate: Basic realm="shop", charset="UTF-8"\r\n'


@pytest.mark.parametrize(
    ("credentials", "status"),
    [("me:open sesame", None), ("me:open", 401), ("you:open sesame", 401), ("ME:open sesame", 401), (":", 401)],
)
def test_credentials_are_judged(credentials: str, status: int | None) -> None:
    assert status == tried(BasicAuth({"me": STORED}, "shop"), credentials)


def test_a_password_may_have_colons_and_any_letters() -> None:
    auth = BasicAuth({"mé": hash_password("ä:b:".encode())}, "shop")
    assert tried(auth, "mé:ä:b:") is None


def test_credentials_are_compared_once_whether_they_fit_or_not() -> None:
    auth = BasicAuth({"me": STORED}, "shop")
    assert tried(auth, "me:open sesame") is None
    assert auth.check(fields("me:open sesame"), HERE, 0.0) is None
    assert auth.check(fields("me:open sesame", "bAsIc"), HERE, 0.0) is None
    assert tried(auth, "me:wrong") == 401
    assert isinstance(auth.check(fields("me:wrong"), HERE, 0.0), Verdict)


def test_nothing_remembered_holds_a_password() -> None:
    auth = BasicAuth({"me": STORED}, "shop")
    tried(auth, "me:open sesame")
    assert "open sesame" not in repr(vars(auth))


def test_who_guesses_is_slowed_down_and_nobody_else() -> None:
    auth = BasicAuth({"me": STORED}, "shop")
    assert tried(auth, "me:open sesame") is None
    answers = []
    for guess in range(12):
        found = auth.check(fields(f"me:{guess}"), HERE, 0.0)
        answers.append(429 if isinstance(found, Verdict) else 401)
        if isinstance(found, Attempt):
            assert found.settle(False) is not None
    assert answers == [401] * 10 + [429] * 2
    assert auth.check(fields("me:open sesame"), HERE, 0.0) is None, "who is known goes on"
    assert isinstance(auth.check(fields("me:open sesame?"), "192.0.2.2", 0.0), Attempt), "so does another address"
    assert isinstance(auth.check(fields("me:later"), HERE, 5.1), Attempt), "and time heals"


def test_right_passwords_do_not_count_as_guesses() -> None:
    users = {str(number): STORED for number in range(30)}
    auth = BasicAuth(users, "shop")
    for user in users:
        found = auth.check(fields(f"{user}:open sesame"), HERE, 0.0)
        assert isinstance(found, Attempt)
        assert found.settle(True) is None


def test_what_is_remembered_is_bounded() -> None:
    auth = BasicAuth({"me": STORED}, "shop")
    for number in range(3_000):
        auth.settle(b"%d" % number, False, HERE)
    assert sum(len(kept) for kept in vars(auth).values() if hasattr(kept, "popitem") and b"2999" in kept) == 1_024
