import pytest

from deployd.domain.errors import UserMistake
from deployd.domain.repository_address import RepositoryAddress


@pytest.mark.parametrize(
    ("text", "url", "login"),
    [
        ("https://example.com/a/b.git", "https://example.com/a/b.git", None),
        ("https://me:p%40ss%23@example.com:8443/a", "https://example.com:8443/a", "me:p%40ss%23"),
        ("https://token@example.com/a", "https://example.com/a", "token"),
        ("http://me:br[cket@127.0.0.1:9/a.git", "http://127.0.0.1:9/a.git", "me:br[cket"),
        ("http://me:with@sign@[::1]:9/a", "http://[::1]:9/a", "me:with@sign"),
        ("https://example.com/@me/a", "https://example.com/@me/a", None),
        ("ssh://git:hidden@example.com/a", "ssh://git@example.com/a", None),
        ("git@example.com:a/b.git", "git@example.com:a/b.git", None),
        ("/srv/my repositories/a@b", "/srv/my repositories/a@b", None),
        ("file:///srv/a", "file:///srv/a", None),
        ("../beside", "../beside", None),
    ],
)
def test_an_address_is_parted_from_its_login(text: str, url: str, login: str | None) -> None:
    address = RepositoryAddress.parse(text)
    assert (url, login) == (address.url, address.login and address.login.reveal())
    assert login is None or login.split(":")[-1] not in f"{address!r} {address} {address.shown}"


@pytest.mark.parametrize(
    "text",
    [
        "http://me:hunter2#xyzzy@127.0.0.1:9/a.git",
        "http://me:hunter2?xyzzy@127.0.0.1:9/a.git",
        "http://me:hunter2/xyzzy@127.0.0.1:9/a.git",
        "http://me:2/xyzzy@127.0.0.1:9/a.git",
        "http://me:hunter2 xyzzy@127.0.0.1:9/a.git",
        "http://me:hunter2\nxyzzy@127.0.0.1:9/a.git",
        "http://me:hunter2%0Axyzzy@127.0.0.1:9/a.git",
        "https://me:hunter2@[bad/x",
        "https://me:hunter2@host:xyzzy/x",
        "https://me:hunter2@/x",
        "https://me:hunter2@-xyzzy/x",
        "https:/me:hunter2@127.0.0.1/a.git",
        "me:hunter2@127.0.0.1:9/a.git",
        "//me:hunter2@127.0.0.1:9/a.git",
        "git://me:hunter2@host/a",
        "file://me:hunter2@host/a",
        "ftp://me:hunter2@host/a",
        "hunter2://xyzzy",
        "ext::sh -c 'hunter2'",
        "-hunter2",
        "hunter2",
        "https://hunter2:xyzzy",
        " ",
    ],
)
def test_one_that_cannot_be_taken_apart_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(UserMistake) as refused:
        RepositoryAddress.parse(text)
    assert not [part for part in ("hunter2", "xyzzy", "me:h") if part in str(refused.value)]


@pytest.mark.parametrize("text", ["http://me:hunter2#xyzzy@127.0.0.1:9/a.git", "https://me:hunter2#xyzzy@[bad/x"])
def test_of_one_that_was_stored_before_the_login_is_taken_off_all_the_same(text: str) -> None:
    address = RepositoryAddress.salvaged(text)
    assert "hunter2" not in address.url
    assert "xyzzy" not in address.url
    assert address.password.reveal() == "hunter2#xyzzy"
