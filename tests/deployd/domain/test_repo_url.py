"""What may stand as `repo`, wherever it is set."""

import pytest

from deployd.domain.app import AppSettings, check_settings
from deployd.domain.errors import UserMistake


@pytest.mark.parametrize(
    "repo",
    [
        "https://example.com/shop.git",
        "http://user:pass@127.0.0.1:8000/shop",
        "https://[::1]:8443/shop",
        "ssh://git@example.com:2222/shop.git",
        "git@example.com:team/shop.git",
        "example.com:shop",
        "git://example.com/shop",
        "file:///srv/my shop",
        "/srv/my shop.git",
        "./shop",
        "~/shop",
    ],
)
def test_what_git_can_fetch_from_is_taken(repo: str) -> None:
    check_settings("shop", AppSettings(repo=repo))


@pytest.mark.parametrize(
    ("repo", "words"),
    [
        ("not a url", "write https://HOST/PATH.git"),
        ("shop", "write https://HOST/PATH.git"),
        ("--upload-pack=x", "is not a git URL"),
        ("a\nb", "is not a git URL"),
        ("github.com/team/shop", "Did you mean https://github.com/team/shop?"),
        ("ftp://example.com/shop", "of the kind ftp:// are not supported"),
        ("ext::sh -c id", "is not a git URL"),
        ("https://", "names no repository"),
        ("https://example.com", "names no repository"),
        ("https:///shop", "names no repository"),
        ("https://example.com:port/shop", "is not a git URL"),
        ("https://[::1/shop", "is not a git URL"),
        ("https://example.com/my shop", "holds a space"),
        ("git@example.com:", "is not a git URL"),
    ],
)
def test_anything_else_is_refused_with_what_would_be_right(repo: str, words: str) -> None:
    with pytest.raises(UserMistake, match="App 'shop': `repo`") as refused:
        check_settings("shop", AppSettings(repo=repo))
    assert words in str(refused.value)
