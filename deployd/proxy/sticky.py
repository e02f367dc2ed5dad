"""A visitor stays with one target: a cookie of our own says which, without telling where that is."""

import hashlib
import re
from collections.abc import Iterable

from deployd.proxy.target import Target

COOKIE = b"deployd_instance"
_COOKIE_LINES = re.compile(rb"^cookie:([^\r\n]*)", re.I | re.M)
_VALUE = re.compile(rb"(?:^|;)[ \t]*" + COOKIE + rb"=([0-9a-f]{32})[ \t]*(?=;|\Z)")
_DIGEST_BYTES = 16


class Sticky:
    """`key` makes the tokens: whoever lacks it cannot tell an address from its token."""

    def __init__(self, key: bytes, targets: Iterable[Target]) -> None:
        self._targets = {_token(key, target.name): target for target in targets}
        self._tokens = {target: token for token, target in self._targets.items()}

    def known(self, fields: bytes) -> Target | None:
        """The target that the request's cookie names, if it still serves here."""
        for line in _COOKIE_LINES.findall(fields):
            for token in _VALUE.findall(line):
                if (target := self._targets.get(token)) is not None:
                    return target
        return None

    def cookie(self, target: Target, prefix: bytes, secure: bool) -> bytes:
        """The line that makes a browser come back to `target`."""
        return b"Set-Cookie: %b=%b; Path=%b; HttpOnly; SameSite=Lax%b\r\n" % (
            COOKIE,
            self._tokens[target],
            prefix or b"/",
            b"; Secure" if secure else b"",
        )


def _token(key: bytes, name: str) -> bytes:
    return hashlib.blake2s(name.encode(), key=key, digest_size=_DIGEST_BYTES).hexdigest().encode()
