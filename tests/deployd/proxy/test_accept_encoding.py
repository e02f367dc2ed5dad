"""A client's weights decide which coding it gets."""

import pytest

from deployd.proxy.accept_encoding import Accepted, accepted


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"gzip", ((b"gzip",),)),
        (b"gzip, deflate, br, zstd", ((b"zstd", b"br", b"gzip"),)),
        (b"GZip;Q=0.5, BR", ((b"br",), (b"gzip",))),
        (b"gzip;q=1.0, br;q=0.8, zstd;q=0.9", ((b"gzip",), (b"zstd",), (b"br",))),
        (b"gzip;q=0", ()),
        (b"gzip;q=0.000, br;q=0.001", ((b"br",),)),
        (b"*", ((b"zstd", b"br", b"gzip"),)),
        (b"*;q=0.5, br;q=0", ((b"zstd", b"gzip"),)),
        (b"gzip, *;q=0", ((b"gzip",),)),
        (b"identity", ()),
        (b"identity;q=1, gzip;q=0.5", ()),
        (b"identity;q=0.5, gzip;q=1", ((b"gzip",),)),
        (b"identity;q=0.5, gzip;q=0.5", ((b"gzip",),)),
        (b"identity;q=0, gzip;q=0.1", ((b"gzip",),)),
        (b"x-gzip", ((b"gzip",),)),
        (b"deflate, compress", ()),
        (b"", ()),
        (b" , gzip ,, ", ((b"gzip",),)),
        (b"gzip ; q=0.7", ((b"gzip",),)),
        (b"gzip, gzip;q=0", ((b"gzip",),)),
        (b"gzip;q=2", ()),
        (b"gzip;q=1.5", ((b"gzip",),)),
        (b"gzip;q=", ()),
        (b"gzip;level=9", ()),
        (b"gzip br", ()),
        (b"gzip," * 100, ()),
    ],
)
def test_codings_are_ordered_by_weight_and_then_by_what_they_cost(value: bytes, expected: Accepted) -> None:
    assert expected == accepted(value)
