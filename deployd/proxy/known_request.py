"""A client repeats itself: a head that differs from its last one at most in the path needs no second reading."""

import re

from deployd.proxy.request_head import RequestHead

_PLAIN_LINE = re.compile(rb"([A-Z]{3,7}) (/[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*) HTTP/1\.1")
_LONGEST_LINE = 2_048


class KnownRequest:
    """A head that was read and found clean; what it says depends on nothing but its bytes.

    Recognised is only what repeats every field byte for byte under the same method, with a path of plain characters.
    """

    __slots__ = ("_fields", "_head", "_line", "_raw")

    def __init__(self, raw: bytes, head: RequestHead) -> None:
        at = raw.index(b"\r\n")
        self._raw = raw
        self._line = raw[:at]
        self._fields = raw[at:]
        self._head = head

    def recognise(self, data: bytes) -> tuple[RequestHead | None, int]:
        """The head at the start of `data` and where it ends, or None when it has to be read."""
        if data == self._raw:
            return self._head, len(data)
        at = data.find(b"\r\n")
        if at < 0 or at > _LONGEST_LINE or not data.startswith(self._fields, at):
            return None, 0
        line = data[:at]
        head = self._head if line == self._line else self._elsewhere(line)
        return (head, at + len(self._fields)) if head is not None else (None, 0)

    def _elsewhere(self, line: bytes) -> RequestHead | None:
        known = self._head
        match = _PLAIN_LINE.fullmatch(line)
        if match is None or match[1] != known.method or not known.is_1_1 or known.absolute:
            return None
        head = RequestHead(known.method, match[2], True)
        head.host = known.host
        head.fields = known.fields
        head.length = known.length
        head.keep_alive = known.keep_alive
        head.expects_continue = known.expects_continue
        head.upgrade = known.upgrade
        head.received = known.received
        head.codings = known.codings
        head.replayable = known.replayable
        head.name = known.name
        return head
