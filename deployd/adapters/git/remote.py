"""A repository's address taken apart: what git is told, what people are shown, and the credentials between the two."""

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from deployd.adapters.git import argv
from deployd.adapters.git.login import Login
from deployd.domain.errors import BuildFailed, UserMistake
from deployd.domain.repository_address import RepositoryAddress
from deployd.domain.secret import Secret


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """`url` goes into argv and sentences: it holds no password. `env` says where the private key is."""

    url: str
    env: Mapping[str, str]
    logins: tuple[Login, ...] = ()
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
        logins = {login.at: login for login in (*parent.logins, *self.logins)}
        secrets = _worth_hiding(*parent.secrets, *self.secrets)
        return msgspec.structs.replace(self, env=parent.env, logins=tuple(logins.values()), secrets=secrets)

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return text


def remote_of(address: RepositoryAddress) -> Remote:
    if address.login is None:
        return Remote(url=address.url, env={})
    parts = urlsplit(address.url)
    text, password = address.login.reveal(), address.password.reveal()
    login = Login(at=f"{parts.scheme}://{parts.netloc}", user=Secret(address.user), password=address.password)
    basic = base64.b64encode(f"{address.user}:{password}".encode()).decode()
    secrets = _worth_hiding(text, *text.split(":", 1), password, basic, address.user)
    return Remote(url=address.url, env={}, logins=(login,), secrets=secrets)


def parse_remote(text: str) -> Remote:
    """What a repository itself names, as .gitmodules does. BuildFailed when it is no address."""
    try:
        return remote_of(RepositoryAddress.parse(text))
    except UserMistake as mistake:
        raise BuildFailed(str(mistake)) from mistake


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


def _worth_hiding(*texts: str) -> tuple[str, ...]:
    """Longest first, so that no part of one stays; a user name of a few letters would redact half of every line."""
    return tuple(sorted({text for text in texts if len(text) > 3}, key=len, reverse=True))
