"""A repository's address taken apart: what git is told, what people are shown, and the credentials between the two."""

import base64
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from deployd.domain.errors import BuildFailed

_SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP_LIKE = re.compile(r"[^/:\s]+:(?!//)\S+")


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """`url` goes into argv and sentences: it holds no password. `env` brings the credentials to git unseen by `ps`."""

    url: str
    env: Mapping[str, str]
    secrets: tuple[str, ...] = ()

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return text


def parse_remote(repo: str) -> Remote:
    """A URL, `user@host:path` or a local path. BuildFailed when it is none of them."""
    if repo.startswith("-") or not repo.strip() or any(ord(char) < 32 for char in repo):
        raise BuildFailed(f"{repo!r} is not a git URL; use https://, ssh://, file:// or a path.")
    if "://" not in repo:
        return _without_scheme(repo)
    scheme = repo.split("://", 1)[0].lower()
    if scheme not in _SCHEMES:
        raise BuildFailed(
            f"git URLs of the kind {scheme}:// are not supported; use https://, ssh://, file:// or a path."
        )
    if scheme in ("http", "https"):
        return _over_http(repo)
    if scheme == "ssh":
        return _over_ssh(repo)
    return Remote(url=repo, env={})


def _without_scheme(repo: str) -> Remote:
    if "::" in repo:
        raise BuildFailed("git URLs that name a transport helper (name::address) are not supported.")
    if not repo.startswith(("/", ".", "~")) and not _SCP_LIKE.fullmatch(repo):
        raise BuildFailed(f"{repo!r} is not a git URL; use https://, ssh://, file:// or an absolute path.")
    return Remote(url=repo, env={})


def _over_http(repo: str) -> Remote:
    """The password becomes a header in git's environment, sent to this host alone."""
    parts = urlsplit(repo)
    login, _, host = parts.netloc.rpartition("@")
    url = urlunsplit(parts._replace(netloc=host))
    if not login:
        return Remote(url=url, env={})
    user, _, password = login.partition(":")
    basic = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    env = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{host}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }
    return Remote(
        url=url, env=env, secrets=_worth_hiding(login, password, unquote(password), basic, user, unquote(user))
    )


def _over_ssh(repo: str) -> Remote:
    """ssh takes keys, never a password from a URL."""
    parts = urlsplit(repo)
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    netloc = f"{user}@{host}" if user else host
    return Remote(
        url=urlunsplit(parts._replace(netloc=netloc)), env={}, secrets=_worth_hiding(password, unquote(password))
    )


def _worth_hiding(*texts: str) -> tuple[str, ...]:
    """Longest first, so that no part of one stays; a user name of a few letters would redact half of every line."""
    return tuple(sorted({text for text in texts if len(text) > 3}, key=len, reverse=True))
