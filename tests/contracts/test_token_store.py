"""What a TokenStore promises."""

import pytest

from deployd.domain.errors import NotFound, UserMistake
from deployd.ports.stores import Stores
from deployd.ports.token_store import ApiToken
from deployd.stores.database import Database

MINUTE = 60_000


async def test_only_the_text_that_was_shown_is_accepted(stores: Stores) -> None:
    text = await stores.tokens.create("ci", 1_000)
    assert await stores.tokens.verify(text, 2_000) == "ci"
    for wrong in (text[:-1], text + "x", "ci", "", "\udcff"):
        assert await stores.tokens.verify(wrong, 2_000) is None


async def test_the_text_is_kept_nowhere(stores: Stores, database: Database) -> None:
    text = await stores.tokens.create("ci", 1_000)
    assert text not in str(await database.fetch("SELECT * FROM tokens"))


async def test_two_tokens_differ_and_are_listed_by_name(stores: Stores) -> None:
    assert await stores.tokens.create("b", 1) != await stores.tokens.create("a", 2)
    assert await stores.tokens.all() == [ApiToken(name="a", created_ms=2), ApiToken(name="b", created_ms=1)]


async def test_a_name_can_be_taken_once(stores: Stores) -> None:
    text = await stores.tokens.create("ci", 1_000)
    with pytest.raises(UserMistake, match="named 'ci' already"):
        await stores.tokens.create("ci", 2_000)
    assert await stores.tokens.verify(text, 3_000) == "ci"


async def test_use_is_noted_at_most_once_a_minute(stores: Stores) -> None:
    text = await stores.tokens.create("ci", 0)
    noted = []
    for now_ms in (1_000, 1_000 + MINUTE - 1, 1_000 + MINUTE):
        await stores.tokens.verify(text, now_ms)
        noted.append((await stores.tokens.all())[0].used_ms)
    assert noted == [1_000, 1_000, 1_000 + MINUTE]


async def test_a_revoked_token_is_refused_and_revoking_it_again_is_not_found(stores: Stores) -> None:
    text = await stores.tokens.create("ci", 1_000)
    await stores.tokens.revoke("ci")
    assert await stores.tokens.verify(text, 2_000) is None
    with pytest.raises(NotFound, match="no API token named 'ci'"):
        await stores.tokens.revoke("ci")
