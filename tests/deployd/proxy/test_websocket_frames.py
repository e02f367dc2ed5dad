"""Frame boundaries are found in every split of the stream, for every form of a frame's length."""

import struct

import pytest

from deployd.proxy.websocket_frames import GOING_AWAY, FrameBoundaries, frame_length


def frame(size: int, masked: bool = False, opcode: int = 0x82) -> bytes:
    mask = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", opcode, mask | size)
    elif size < 65_536:
        head = struct.pack("!BBH", opcode, mask | 126, size)
    else:
        head = struct.pack("!BBQ", opcode, mask | 127, size)
    return head + (b"mask" if masked else b"") + b"\x88" * size


FRAMES = [
    *(frame(size, masked) for size in (0, 1, 125, 126, 300) for masked in (False, True)),
    frame(0, opcode=0x89),
    frame(5, opcode=0x01),
    frame(5, opcode=0x80),
]


@pytest.mark.parametrize(
    ("size", "masked", "header"),
    [(0, False, 2), (125, True, 6), (126, False, 4), (65_535, True, 8), (65_536, False, 10), (1 << 20, True, 14)],
)
def test_the_length_is_in_the_header(size: int, masked: bool, header: int) -> None:
    whole = frame(size, masked)
    assert frame_length(whole[:14]) == header + size == len(whole)


def test_a_header_in_part_has_no_length_yet() -> None:
    for whole, needed in ((frame(5), 2), (frame(126), 4), (frame(65_536), 10)):
        assert [frame_length(whole[:end]) for end in range(needed)] == [0] * needed
        assert frame_length(whole[:needed]) == len(whole)


def test_two_pieces_split_anywhere_say_the_same_about_the_end() -> None:
    stream = b"".join(FRAMES)
    ends = {0}
    for one in FRAMES:
        ends.add(max(ends) + len(one))
    for split in range(len(stream) + 1):
        boundaries = FrameBoundaries()
        boundaries.feed(stream[:split])
        assert boundaries.between_frames is (split in ends), split
        boundaries.feed(stream[split:])
        assert boundaries.between_frames


def test_single_bytes_say_the_same_as_the_whole() -> None:
    boundaries = FrameBoundaries()
    found = []
    for at, byte in enumerate(b"".join(FRAMES)):
        if boundaries.between_frames:
            found.append(at)
        boundaries.feed(bytes([byte]))
    starts = [sum(map(len, FRAMES[:count])) for count in range(len(FRAMES))]
    assert found == starts


@pytest.mark.parametrize("first", FRAMES)
def test_the_first_boundary_is_where_the_frame_under_way_ends(first: bytes) -> None:
    for split in range(1, len(first)):
        for more in (b"", b"\x82", FRAMES[3]):
            boundaries = FrameBoundaries()
            boundaries.feed(first[:split])
            assert boundaries.first_boundary(first[split:] + more) == len(first) - split
            boundaries = FrameBoundaries()
            boundaries.feed(first[:split])
            assert boundaries.first_boundary(first[split:-1]) == -1


def test_between_frames_the_boundary_is_here() -> None:
    assert FrameBoundaries().first_boundary(FRAMES[2]) == 0


def test_a_length_beyond_everything_is_only_a_number() -> None:
    boundaries = FrameBoundaries()
    boundaries.feed(b"\x82\x7f" + b"\xff" * 8)
    boundaries.feed(bytes(1 << 20))
    assert not boundaries.between_frames


def test_our_own_goodbye_is_a_whole_frame_that_says_1001() -> None:
    assert frame_length(GOING_AWAY) == len(GOING_AWAY)
    assert int.from_bytes(GOING_AWAY[2:], "big") == 1001
