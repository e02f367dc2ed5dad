"""Reading .gitmodules and the URLs in it, as tables."""

import pytest

from deployd.adapters.git.gitmodules import Asked, TreeEntry, read_gitmodules, read_tree
from deployd.adapters.git.remote import parse_remote, resolve
from deployd.domain.errors import BuildFailed


def test_the_last_value_of_a_setting_counts_and_other_keys_are_not_looked_at() -> None:
    listing = (
        b"submodule.a.b.path\nlibs/a\0submodule.a.b.url\nhttps://one/a\0submodule.a.b.url\nhttps://two/a\0"
        b"core.fsmonitor\nevil\0submodule.a.b.fetchrecursesubmodules\0submodule.new\nline.path\nlibs/new\nline\0"
    )
    assert read_gitmodules(listing) == [Asked(path="libs/a", url="https://two/a")]


@pytest.mark.parametrize("listing", [b"", b"\0\0", b"submodule.x.url\nhttps://host/x\0", b"submodule.x.path\0"])
def test_what_has_no_path_asks_for_nothing(listing: bytes) -> None:
    assert read_gitmodules(listing) == []


def test_two_sections_for_one_path_are_one_submodule() -> None:
    listing = b"submodule.a.path\nx\0submodule.a.url\nu\0submodule.b.path\nx\0submodule.b.url\nv\0"
    assert read_gitmodules(listing) == [Asked(path="x", url="v")]


def test_a_tree_listing_is_read() -> None:
    listing = (
        b"160000 commit " + b"a" * 40 + b"       -\tlibs/x\n y\x00100644 blob " + b"b" * 40 + b"      12\t.gitmodules\0"
    )
    module, file = read_tree(listing)
    assert module == TreeEntry(mode="160000", sha="a" * 40, size=0, path="libs/x\n y")
    assert (module.is_submodule, file.is_submodule, file.size) == (True, False, 12)


@pytest.mark.parametrize(
    ("parent", "url", "expected"),
    [
        ("https://host/a/b.git", "../c.git", "https://host/a/c.git"),
        ("https://host/a/b.git/", "../c.git", "https://host/a/c.git"),
        ("https://host/a/b.git", "./c", "https://host/a/b.git/c"),
        ("https://host/a/b.git", "../../x/c.git", "https://host/x/c.git"),
        ("https://host:8443/a/b", "../../c", "https://host:8443/c"),
        ("https://host/a/b.git", "https://other/c.git", "https://other/c.git"),
        ("git@host:a/b.git", "../c.git", "git@host:a/c.git"),
        ("git@host:a/b.git", "../../c.git", "git@host:c.git"),
        ("git@host:b.git", "../c.git", "git@host:c.git"),
        ("ssh://git@host:22/a/b.git", "../c.git", "ssh://git@host:22/a/c.git"),
        ("/srv/git/app", "../theme", "/srv/git/theme"),
        ("/app", "../theme", "/theme"),
        ("file:///srv/app", "../theme", "file:///srv/theme"),
    ],
)
def test_a_relative_url_counts_from_the_repository_it_is_in(parent: str, url: str, expected: str) -> None:
    assert resolve(parent, url) == expected


@pytest.mark.parametrize(
    ("parent", "url"),
    [
        ("https://host/a", "../../c"),
        ("https://host/a/b", "../../../c"),
        ("https://host:8443/a", "../../c"),
        ("git@host:b", "../../c"),
        ("host", "../../c"),
    ],
)
def test_a_relative_url_never_names_another_host(parent: str, url: str) -> None:
    with pytest.raises(BuildFailed, match="leads out of"):
        resolve(parent, url)


def test_two_logins_are_kept_side_by_side_each_for_its_own_host() -> None:
    parent, own = parse_remote("https://a:token-one@one/x"), parse_remote("https://b:token-two@two/y")
    both = own.inherit(parent)
    assert both.url == "https://two/y"
    assert [login.at for login in both.logins] == ["https://one", "https://two"]
    assert both.redact("token-one token-two") == "[redacted] [redacted]"
    assert parse_remote("https://two/y").inherit(parse_remote("https://one/x")).logins == ()


@pytest.mark.parametrize(
    ("url", "local"),
    [("/srv/a", True), ("./a", True), ("file:///a", True), ("https://host/a", False), ("git@host:/a", False)],
)
def test_what_is_on_this_machine_is_known(url: str, local: bool) -> None:
    assert parse_remote(url).is_local is local
