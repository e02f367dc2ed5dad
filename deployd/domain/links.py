"""The URL that a person can open for a host: https as soon as that would work, http until then."""

from collections.abc import Callable

import msgspec

_HTTP, _HTTPS = 80, 443


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """`https_port` is 0 without a listener for https; `certified` tells whether one is served for the host."""

    http_port: int
    https_port: int
    certified: Callable[[str], bool]

    def to(self, host: str) -> str:
        if self.https_port and self.certified(host):
            return _url("https", host, self.https_port, _HTTPS)
        return _url("http", host, self.http_port, _HTTP)


def _url(scheme: str, host: str, port: int, usual: int) -> str:
    return f"{scheme}://{host}/" if port == usual else f"{scheme}://{host}:{port}/"
