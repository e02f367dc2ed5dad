"""Where a WebSocket's frames begin and end (RFC 6455 §5.2), which is all that is read of them. Sans-I/O."""

GOING_AWAY = b"\x88\x02\x03\xe9"
"""A whole Close frame as a server sends it: 1001, the server goes away."""

_LONGEST_HEADER = 14
_PLAIN_LENGTH = 126
_MASKED = 0x80


class FrameBoundaries:
    """Follows one direction of a tunnel from its first byte on, in whatever pieces it comes.

    A control frame may stand between any two frames, those of one message included (§5.4), so that is all there is
    to know before one of our own is put in.
    """

    __slots__ = ("_header", "_left")

    def __init__(self) -> None:
        self._header = b""
        self._left = 0

    @property
    def between_frames(self) -> bool:
        return not self._left and not self._header

    def feed(self, data: bytes) -> None:
        size = len(data)
        if self._left >= size:
            self._left -= size
        else:
            self._walk(data, size)

    def first_boundary(self, data: bytes) -> int:
        """How much of `data` belongs to the frame that is under way; -1 when all of it does and it goes on.

        Nothing is taken in: what comes after that is not to be followed any more.
        """
        at = self._left
        if self._header:
            length = frame_length(self._header + data[:_LONGEST_HEADER])
            at = length - len(self._header) if length else len(data) + 1
        return at if at <= len(data) else -1

    def _walk(self, data: bytes, size: int) -> None:
        at = self._left
        if self._header:
            data = self._header + data
            size = len(data)
            self._header = b""
        while at < size:
            length = frame_length(data[at : at + _LONGEST_HEADER])
            if not length:
                self._header = data[at:]
                self._left = 0
                return
            at += length
        self._left = at - size


def frame_length(start: bytes) -> int:
    """Of the frame that starts like this, header and all; 0 while its header is not all there."""
    size = len(start)
    if size < 2:
        return 0
    second = start[1]
    mask = 4 if second & _MASKED else 0
    length = second & ~_MASKED
    if length < _PLAIN_LENGTH:
        return 2 + mask + length
    header = 4 if length == _PLAIN_LENGTH else 10
    if size < header:
        return 0
    return header + mask + int.from_bytes(start[2:header], "big")
