"""Where a path has moved to."""

import pytest

from deployd.proxy.door.redirects import Redirects

PLACES = {
    "/old": "/new",
    "/old?": "/never",
    "/blog/*": "https://blog.example.com/*",
    "/blog/deep/*": "/deeper/*",
    "/blog/exact": "/here",
    "/all/*": "/one",
    "/up/*": "/*",
    "/out": "https://example.com",
    "/asked": "/answer?by=us",
    "/self": "/self",
    "/tail/*": "/*/tail",
}
TABLE = {
    b"/": None,
    b"/old": b"/new",
    b"/old/": None,
    b"/older": None,
    b"/OLD": None,
    b"/old?a=1&b=%20": b"/new?a=1&b=%20",
    b"/blog": None,
    b"/blog/": b"https://blog.example.com/",
    b"/blog/a/b?c": b"https://blog.example.com/a/b?c",
    b"/blog/deep/x": b"/deeper/x",
    b"/blog/exact": b"/here",
    b"/blog/exact/": b"https://blog.example.com/exact/",
    b"/all/of/it?x=1": b"/one?x=1",
    b"/up/a": b"/a",
    b"/up//evil.test/x": b"/evil.test/x",
    b"/up///evil.test": b"/evil.test",
    b"/up/\\evil.test": b"/evil.test",
    b"/out?q=1": b"https://example.com?q=1",
    b"/asked?q=1": b"/answer?by=us",
    b"/self": None,
    b"/self?q=1": None,
    b"/tail//evil.test": b"/evil.test/tail",
    b"/tail/*": b"/*/tail",
    b"*": None,
}


@pytest.mark.parametrize("target", TABLE)
def test_a_target_leads_where_the_table_says(target: bytes) -> None:
    assert TABLE[target] == Redirects(PLACES).find(target)
