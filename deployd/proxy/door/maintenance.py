"""While an app is in maintenance, everything but its health path is told so."""

from deployd.proxy.door.verdict import Verdict, come_back

_RETRY_SECONDS = 60


class Maintenance:
    """A health path of `/` says nothing about health, so the home page is in maintenance like every other."""

    def __init__(self, text: str, health_path: str) -> None:
        self._verdict = come_back(503, text, _RETRY_SECONDS, title="Down for maintenance")
        self._health = b"" if health_path == "/" else health_path.partition("?")[0].encode()

    def check(self, target: bytes) -> Verdict | None:
        return None if target.partition(b"?")[0] == self._health else self._verdict
