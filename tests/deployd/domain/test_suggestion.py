"""Names that are nearly right."""

import pytest

from deployd.domain.suggestion import did_you_mean


@pytest.mark.parametrize(
    ("given", "known", "said"),
    [
        ("web2", ["web", "shop"], " Did you mean 'web'?"),
        ("WEB", ["web"], " Did you mean 'web'?"),
        ("shp", ["shop", "ship"], " Did you mean 'shop' or 'ship'?"),
        ("nothing-like-it", ["web"], ""),
        ("x" * 5000, ["web"], ""),
        ("web", [], ""),
    ],
)
def test_what_may_have_been_meant(given: str, known: list[str], said: str) -> None:
    assert did_you_mean(given, known) == said
