"""Our own HTTP/1.1 answers are read back whole, however they are cut."""

import pytest

from deployd.proxy.http2.answer import AnswerReader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
ANSWERS = [
    pytest.param(OK + b"Content-Length: 5\r\n\r\nhello", [200], b"hello", False, id="length"),
    pytest.param(CHUNKED, [200], b"hello", False, id="chunked"),
    pytest.param(INTERIM, [103, 204], b"", False, id="interim"),
    pytest.param(NOT_MODIFIED, [304], b"", False, id="not modified"),
    pytest.param(OK + b"Content-Length: 5\r\n\r\n", [200], b"", True, id="to HEAD"),
    pytest.param(OK + b"Content-Length: 0\r\n\r\n", [200], b"", False, id="empty"),
]


@pytest.mark.parametrize(("raw", "statuses", "body", "to_head"), ANSWERS)
def test_an_answer_is_complete_with_its_last_byte_and_not_before(
    raw: bytes, statuses: list[int], body: bytes, to_head: bool
) -> None:
    for cut in range(len(raw)):
        reader = AnswerReader(to_head)
        parts = [reader.feed(raw[:cut])]
        assert not reader.complete
        parts.append(reader.feed(raw[cut:]))
        assert reader.complete
        assert [status for heads, _ in parts for status, _ in heads] == statuses
        assert b"".join(piece for _, pieces in parts for piece in pieces) == body


def test_an_answer_without_a_length_ends_with_its_writer() -> None:
    reader = AnswerReader(False)
    assert reader.feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhel") == ([(200, [])], [b"hel"])
    assert not reader.complete
    reader.closed()
    assert reader.complete


def test_an_answer_that_breaks_off_stays_incomplete() -> None:
    reader = AnswerReader(False)
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
    reader.closed()
    assert not reader.complete
