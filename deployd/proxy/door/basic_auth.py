"""Basic authentication (RFC 7617): what was found out about credentials is remembered, never the credentials."""

import base64
import binascii
import hashlib
import math
import secrets
from collections import OrderedDict
from collections.abc import Mapping

from deployd.proxy.conditional import field
from deployd.proxy.door.password import NOBODY
from deployd.proxy.door.rate_limit import RateLimit
from deployd.proxy.door.verdict import Verdict, come_back

_REMEMBERED = 1_024
_GUESSES = 10
_GUESSES_PER_SECOND = 0.2
_LONGEST = 1_024


class Attempt:
    """Credentials that have not been seen before; `settle` takes what a thread found out about them."""

    __slots__ = ("_auth", "_ip", "digest", "password", "stored")

    def __init__(self, auth: "BasicAuth", digest: bytes, password: bytes, stored: str, ip: str) -> None:
        self._auth = auth
        self._ip = ip
        self.digest = digest
        self.password = password
        self.stored = stored

    def settle(self, fits: bool) -> Verdict | None:
        return self._auth.settle(self.digest, fits, self._ip)


class BasicAuth:
    """An address may guess a few times in a row, then only once in a while; who is known is not held up by that."""

    def __init__(self, users: Mapping[str, str], realm: str) -> None:
        self.users = dict(users)
        self._needed = Verdict(
            status=401,
            reason="A user name and a password are needed here.",
            extra=b'WWW-Authenticate: Basic realm="%b", charset="UTF-8"\r\n' % realm.encode(),
        )
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._guesses = RateLimit(_GUESSES_PER_SECOND, _GUESSES - 1)

    def check(self, fields: bytes, ip: str, now: float) -> Verdict | Attempt | None:
        """None for who is known; an Attempt when it takes a thread to tell."""
        credentials = _credentials(field(fields, b"authorization") or b"")
        if credentials is None:
            return self._needed
        user, password = credentials
        stored = self.users.get(user, NOBODY)
        digest = self._digest(user, password, stored)
        if digest in self._right:
            self._right.move_to_end(digest)
            return None
        if digest in self._wrong:
            self._wrong.move_to_end(digest)
            return self._needed
        if wait := self._guesses.take(ip, now):
            return come_back(429, "There were too many wrong passwords from this address.", math.ceil(wait))
        return Attempt(self, digest, password, stored, ip)

    def settle(self, digest: bytes, fits: bool, ip: str) -> Verdict | None:
        """The answer to an attempt; None when it is let in."""
        if fits:
            self._guesses.give_back(ip)
        known = self._right if fits else self._wrong
        known[digest] = None
        if len(known) > _REMEMBERED:
            known.popitem(last=False)
        return None if fits else self._needed

    def _digest(self, user: str, password: bytes, stored: str) -> bytes:
        """Keyed, so that a look into this process's memory gives nothing to try out elsewhere."""
        text = b"%b\0%b\0%b" % (stored.encode(), user.encode(), password)
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()


def _credentials(value: bytes) -> tuple[str, bytes] | None:
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic" or len(encoded) > _LONGEST:
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None
