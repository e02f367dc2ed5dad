"""A repository's address taken apart: what git is told, what people are shown, and the credentials between the two."""

import base64
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from deployd.adapters.git import argv
from deployd.domain.errors import BuildFailed

_SCHEMES = ("https", "http", "ssh", "git", "file")
_OPTION_AS_HOST = re.compile(r"(\w+://)?([^/@]*@)?-")
_SCP_LIKE = re.compile(r"[^/:\s]+:(?!//)\S+")


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """`url` goes into argv and sentences: it holds no password. `env` brings the credentials to git unseen by `ps`."""

    url: str
    env: Mapping[str, str]
    secrets: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.url.startswith(("file:", "/", ".", "~"))

    @property
    def lfs_server(self) -> str:
        """Where a host keeps the files of Git LFS unless told otherwise."""
        if self.url.startswith(("http:", "https:")):
            bare = self.url.rstrip("/")
            return f"{bare}/info/lfs" if bare.endswith(".git") else f"{bare}.git/info/lfs"
        return f"file://{self.url}" if self.url.startswith("/") else self.url

    @property
    def has_key(self) -> bool:
        return argv.SSH in self.env

    def with_key(self, file: str | None) -> "Remote":
        """With the private key in that file, and no other one."""
        return self if file is None else msgspec.structs.replace(self, env={**self.env, argv.SSH: argv.ssh(file)})

    def inherit(self, parent: "Remote") -> "Remote":
        """The parent's credentials too: each of them reaches its own host alone, and a key proves itself unseen."""
        pairs = [*_config_pairs(parent.env), *_config_pairs(self.env)]
        return msgspec.structs.replace(
            self, env={**parent.env, **_config_env(dict(pairs))}, secrets=_worth_hiding(*parent.secrets, *self.secrets)
        )

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return text


def parse_remote(repo: str) -> Remote:
    """A URL, `user@host:path` or a local path. BuildFailed when it is none of them."""
    if repo.startswith("-") or not repo.strip() or not repo.isprintable():
        raise BuildFailed(f"{repo!r} is not a git URL; use https://, ssh://, file:// or a path.")
    if _OPTION_AS_HOST.match(repo):
        raise BuildFailed(f"{repo!r} is not a git URL: its host begins with a dash.")
    if "://" not in repo:
        return _without_scheme(repo)
    scheme = repo.split("://", 1)[0].lower()
    if scheme not in _SCHEMES:
        raise BuildFailed(
            f"git URLs of the kind {scheme}:// are not supported; use https://, ssh://, file:// or a path."
        )
    try:
        if scheme in ("http", "https"):
            return _over_http(repo)
        if scheme == "ssh":
            return _over_ssh(repo)
    except ValueError as error:
        raise BuildFailed(f"{repo!r} is not a git URL: {error}.") from None
    return Remote(url=repo, env={})


def resolve(parent: str, url: str) -> str:
    """A submodule's URL, which may be relative to that of the repository it is in. BuildFailed when it leads nowhere.

    As git does it: `./` and `../` count from the parent's own address, so `../other.git` lies beside it.
    """
    if not url.startswith(("./", "../")):
        return url
    base, joint, rest = parent.rstrip("/"), "/", url
    ends = "/" if "://" in parent else "/:"
    while rest.startswith(("./", "../")):
        step, _, rest = rest.partition("/")
        if step == "..":
            cut = max(base.rfind(end) for end in ends)
            base, joint = base[: max(cut, 0)], base[cut : cut + 1]
            if cut < 0 or base.endswith((":", "/")):
                raise BuildFailed(f"The URL {url!r} leads out of {parent}.")
    return f"{base}{joint}{rest}"


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
    env = _config_env({f"http.{parts.scheme}://{host}/.extraHeader": f"Authorization: Basic {basic}"})
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


def _config_env(settings: Mapping[str, str]) -> dict[str, str]:
    """As git reads configuration from its environment."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))} if settings else {}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def _config_pairs(env: Mapping[str, str]) -> list[tuple[str, str]]:
    count = int(env.get("GIT_CONFIG_COUNT", "0"))
    return [(env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"]) for number in range(count)]


def _worth_hiding(*texts: str) -> tuple[str, ...]:
    """Longest first, so that no part of one stays; a user name of a few letters would redact half of every line."""
    return tuple(sorted({text for text in texts if len(text) > 3}, key=len, reverse=True))
