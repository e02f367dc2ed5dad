"""What can be an app's repository: told when it is set, not when the first deployment fails."""

import re
from urllib.parse import urlsplit

from deployd.domain.errors import UserMistake

_SCHEMES = ("https", "http", "ssh", "git", "file")
_PATHS = ("/", "./", "../", "~")
_SCP_LIKE = re.compile(r"[^/:\s]+:(?!/?/?\Z)[^\s:]\S*")
_WITHOUT_SCHEME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+/\S+")
_FORMS = "write https://HOST/PATH.git, git@HOST:PATH.git, ssh://HOST/PATH.git, file:///PATH or an absolute path"


def check_repo(repo: str) -> None:
    """UserMistake unless git could be told to fetch from it; whether something is there is not looked at."""
    if not repo or repo.startswith("-") or not repo.isprintable():
        raise UserMistake(f"`repo` {repo!r} is not a git URL; {_FORMS}.")
    if "://" in repo:
        _check_url(repo)
    elif not repo.startswith(_PATHS) and not (_SCP_LIKE.fullmatch(repo) and "::" not in repo):
        meant = f"Did you mean https://{repo}? Else " if _WITHOUT_SCHEME.fullmatch(repo) else ""
        raise UserMistake(f"`repo` {repo!r} is not a git URL. {meant}{_FORMS}.".replace(". write", "; write"))


def _check_url(repo: str) -> None:
    scheme = repo.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise UserMistake(f"`repo` {repo!r}: git URLs of the kind {scheme}:// are not supported; {_FORMS}.")
    try:
        parts = urlsplit(repo)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UserMistake(f"`repo` {repo!r} is not a git URL ({error}); {_FORMS}.") from None
    if " " in repo and scheme != "file":
        raise UserMistake(f"`repo` {repo!r} holds a space, which no URL does; {_FORMS}.")
    if (scheme != "file" and not host) or not parts.path.strip("/"):
        raise UserMistake(f"`repo` {repo!r} names no repository; {_FORMS}.")
