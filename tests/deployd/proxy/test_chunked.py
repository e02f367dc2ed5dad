"""The chunked coding reads the same however it is cut."""

import pytest

from deployd.proxy.chunked import LAST_CHUNK, ChunkedDecoder, encode_chunk
from deployd.proxy.refused import Refused

WIRE = b'5\r\nhello\r\n1A;a=b; c="d"\r\nabcdefghijklmnopqrstuvwxyz\r\n000\r\nX-T: 1\r\nY: 2\r\n\r\nGET / next'


@pytest.mark.parametrize("step", range(1, len(WIRE) + 1))
def test_any_cut_gives_the_same_body_and_the_same_rest(step: int) -> None:
    decoder = ChunkedDecoder()
    body = rest = b""
    for at in range(0, len(WIRE), step):
        piece = WIRE[at : at + step]
        if decoder.done:
            rest += piece
        else:
            body += b"".join(decoder.feed(piece))
            rest += decoder.rest
    assert decoder.done
    assert body == b"helloabcdefghijklmnopqrstuvwxyz"
    assert rest == b"GET / next"


def test_what_was_encoded_is_decoded() -> None:
    pieces = [b"a", b"\r\n0\r\n\r\n", bytes(range(256)) * 300, b""]
    decoder = ChunkedDecoder()
    body = b"".join(decoder.feed(b"".join(encode_chunk(piece) for piece in pieces) + LAST_CHUNK))
    assert (decoder.done, body, decoder.rest) == (True, b"".join(pieces), b"")


@pytest.mark.parametrize("wire", [b"1\r\nab", b"1\r\na\n", b"g\r\n", b"\r\n", b"1\n", b"10000000000000000\r\n"])
def test_broken_framing_is_refused_at_every_cut(wire: bytes) -> None:
    with pytest.raises(Refused):
        ChunkedDecoder().feed(wire)
    with pytest.raises(Refused):
        feed_slowly(wire)


def feed_slowly(wire: bytes) -> None:
    decoder = ChunkedDecoder()
    for at in range(len(wire)):
        decoder.feed(wire[at : at + 1])


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"000000001\r\nx\r\n"])
def test_a_flood_of_chunks_is_taken_some_at_a_time(chunk: bytes) -> None:
    decoder = ChunkedDecoder()
    taken = [len(decoder.feed(chunk * 5_000))]
    while decoder.more:
        taken.append(len(decoder.feed(b"")))
    assert sum(taken) == 5_000
    assert max(taken) <= 1_024
    assert len(decoder.feed(chunk * 3_000)) == 1_024
    body = decoder.feed(chunk * 2 + LAST_CHUNK + b"next")  # More of it comes before all was taken.
    while decoder.more:
        body += decoder.feed(b"")
    assert (len(body), decoder.done, decoder.rest) == (3_002 - 1_024, True, b"next")
