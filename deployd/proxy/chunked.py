"""The chunked transfer coding (RFC 9112 §7.1), strict and sans-I/O; extensions and trailers are dropped."""

import re
from enum import Enum, auto

from deployd.proxy.refused import Refused

EXTENSION_BYTES = 4_096
TRAILER_BYTES = 8_192
LAST_CHUNK = b"0\r\n\r\n"
MEBIBYTE = 1_048_576
_AT_ONCE = 1_024
"""A chunk of one byte costs as much as one of a mebibyte: so many take two milliseconds, or five with extensions."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_EXTENSION = rb"[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?" % (_TOKEN, _TOKEN, _QUOTED)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:%b)*" % _EXTENSION)
_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_TRAILER = re.compile(rb"%b:[^\x00-\x08\x0a-\x1f\x7f]*" % _TOKEN)


class _Part(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    DONE = auto()


class ChunkedDecoder:
    """Fed raw bytes in any split; gives the data, and once `done` what came after the message in `rest`.

    Of a flood of chunks it takes some; while there is `more` it is to be fed on, be it with nothing, once others had
    their turn. `most` bounds the data of the whole message; 0 means not at all.
    """

    __slots__ = ("_buffer", "_extra", "_left", "_most", "_part", "_total", "more", "rest")

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._total = 0
        self._part = _Part.SIZE
        self._left = 0
        self._extra = 0
        self._buffer = b""
        self.more = False
        self.rest = b""

    @property
    def done(self) -> bool:
        return self._part is _Part.DONE

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of body in `data`. Refused (400) when the framing is broken or oversized, 413 beyond `most`."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
            self.more = False
        pieces: list[bytes] = []
        at = 0
        while at >= 0 and at < len(data) and self._part is not _Part.DONE:
            if self._part is _Part.SIZE:
                at = self._whole_chunks(data, at, pieces)
                if at == len(data):
                    break
            if len(pieces) >= _AT_ONCE:
                self._buffer, self.more = data[at:], True
                break
            if self._part is _Part.DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._part = _Part.DATA_END
            else:
                at = self._line(data, at)
        if self._part is _Part.DONE:
            self.rest = data[at:]
        return pieces

    def _whole_chunks(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Takes the plain chunks that are there to their end: a flood of tiny ones must not hold up the loop."""
        match = _PLAIN_SIZE.match
        while len(pieces) < _AT_ONCE and (size := match(data, at)):
            start = size.end()
            length = int(size[1], 16)
            end = start + length
            if not length or data[end : end + 2] != b"\r\n" or (self._most and self._total + length > self._most):
                break
            pieces.append(data[start:end])
            self._total += length
            at = end + 2
        return at

    def _line(self, data: bytes, at: int) -> int:
        """Takes one line from `at`; where the next starts, or -1 after keeping an unfinished one."""
        end = data.find(b"\r\n", at)
        if end < 0:
            self._keep(data[at:])
            return -1
        self._take(data[at:end])
        return end + 2

    def _keep(self, part: bytes) -> None:
        if self._part is _Part.DATA_END and part != b"\r":
            raise Refused(400, "The chunked body has data where a line end was due.")
        if len(part) > (TRAILER_BYTES if self._part is _Part.TRAILER else EXTENSION_BYTES):
            raise Refused(400, "A line of the chunked body is too long.")
        if b"\n" in part:
            raise Refused(400, "A line of the chunked body does not end in CRLF.")
        self._buffer = part

    def _take(self, line: bytes) -> None:
        if self._part is _Part.SIZE:
            self._open(line)
        elif self._part is _Part.DATA_END:
            if line:
                raise Refused(400, "A chunk is longer than its size says.")
            self._part = _Part.SIZE
        elif not line:
            self._part = _Part.DONE
        else:
            self._count(len(line) + 2, TRAILER_BYTES)
            if not _TRAILER.fullmatch(line):
                raise Refused(400, "A trailer of the chunked body is not a header field.")

    def _open(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise Refused(400, "A chunk does not start with its size in hexadecimal.")
        self._count(len(line) - len(match[1]), EXTENSION_BYTES)
        self._left = int(match[1], 16)
        self._total += self._left
        if self._most and self._total > self._most:
            raise Refused(413, too_large(self._most))
        if self._left:
            self._part = _Part.DATA
        else:
            self._part = _Part.TRAILER
            self._extra = 0

    def _count(self, extra: int, most: int) -> None:
        self._extra += extra
        if self._extra > most:
            raise Refused(400, "The chunked body carries too much beside its data.")


def too_large(most: int) -> str:
    return f"The request's body is larger than the {most / MEBIBYTE:g} MiB allowed here."


def encode_chunk(data: bytes) -> bytes:
    """One chunk on the wire; empty data gives nothing, since an empty chunk would end the message."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
