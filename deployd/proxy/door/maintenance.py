"""While an app is in maintenance, everything but its health path is told so."""

from collections.abc import Callable

from deployd.proxy.door.verdict import Verdict, come_back
from deployd.proxy.forwarding import below
from deployd.proxy.request_head import RequestHead

_RETRY_SECONDS = 60

PrefixOf = Callable[[bytes, bytes], bytes]
"""Of a host and a target: the start of the path that the app does not get to see."""


class Maintenance:
    """A health path of `/` says nothing about health, so the home page is in maintenance like every other.

    The health path is the one that the app sees.
    """

    def __init__(self, text: str, health_path: str, prefix_of: PrefixOf | None = None) -> None:
        self._verdict = come_back(503, text, _RETRY_SECONDS, title="Down for maintenance")
        self._health = b"" if health_path == "/" else health_path.partition("?")[0].encode()
        self._prefix_of = prefix_of

    def check(self, head: RequestHead) -> Verdict | None:
        target = head.target
        if self._prefix_of is not None:
            target = below(self._prefix_of(head.host, target), target)
        return None if target.partition(b"?")[0] == self._health else self._verdict
