"""Streams whose answer was whole before their request: their clients have a while to read it before they are reset.

Some read only once they have sent all they may, and take a reset that comes before that for a failure.
"""

from deployd.proxy.limits import ProxyLimits


class Unread:
    def __init__(self, limits: ProxyLimits) -> None:
        self._limits = limits
        self._streams: dict[int, tuple[float, int]] = {}

    def begin(self, number: int, now: float) -> None:
        self._streams[number] = now, 0

    def came(self, number: int, size: int) -> bool:
        """Whether that is more than is put up with; then the stream is not one of these any more."""
        if number not in self._streams:
            return False
        since, before = self._streams.pop(number)
        if before + size > self._limits.linger_bytes:
            return True
        self._streams[number] = since, before + size
        return False

    def over(self, now: float) -> list[int]:
        """Those whose time has passed."""
        found = [number for number, (since, _) in self._streams.items() if now - since > self._limits.linger_seconds]
        for number in found:
            del self._streams[number]
        return found
