"""A repository's address, taken apart as soon as it is read: what may be shown, and the login, which never is."""

import re
from urllib.parse import unquote, urlsplit

import msgspec

from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret

HIDDEN = "[redacted]"
_SCHEMES = ("https", "http", "ssh", "git", "file")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_SCP_LIKE = re.compile(r"[^/:\s]+:(?!//)\S+")
_WITHOUT_SCHEME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+/[^\s@]+")
_AUTHORITY_ENDS = re.compile(r"[/?#]")
_ENCODE = "percent-encode every sign of the user name and password but letters, digits and -._~ (@ as %40, # as %23)"


class RepositoryAddress(msgspec.Struct, frozen=True, kw_only=True):
    """`url` goes into rows, argv and sentences. `login` is `user:password` as it stood before the host, as written."""

    url: str
    login: Secret | None = None

    @classmethod
    def parse(cls, text: str) -> "RepositoryAddress":
        """A URL, `user@host:path` or a local path. UserMistake, which quotes nothing of it, when it is none."""
        if not text.strip():
            raise UserMistake(
                "The repository's address is empty, so it is not a git URL; use https://, ssh://, file:// or a path."
            )
        if not text.isprintable():
            raise UserMistake(
                f"The repository's address is not a git URL, since it holds signs that cannot be seen: {_ENCODE}."
            )
        scheme, joint, rest = text.partition("://")
        if not joint:
            return _without_scheme(text)
        if not _SCHEME.match(scheme) or scheme.lower() not in _SCHEMES:
            raise UserMistake("git URLs of that kind are not supported; use https://, ssh://, file:// or a path.")
        if scheme.lower() == "file":
            return _file(text, rest)
        return _over_network(scheme.lower(), rest)

    @classmethod
    def salvaged(cls, text: str) -> "RepositoryAddress":
        """Of one that was stored before any check: whatever may be a login is taken off."""
        try:
            return cls.parse(text)
        except UserMistake:
            scheme, joint, rest = text.partition("://")
            login, at, host = rest.rpartition("@") if joint else text.rpartition("@")
            return cls(url=f"{scheme}://{host}" if joint else host, login=Secret(login) if at else None)

    @property
    def shown(self) -> str:
        """With a mark where the login is."""
        scheme, joint, rest = self.url.partition("://")
        return self.url if self.login is None else f"{scheme}{joint}{HIDDEN}@{rest}"

    @property
    def with_login(self) -> Secret:
        """As it stood where it was read from."""
        scheme, joint, rest = self.url.partition("://")
        return Secret(self.url if self.login is None else f"{scheme}{joint}{self.login.reveal()}@{rest}")

    @property
    def user(self) -> str:
        return unquote(self.login.reveal().partition(":")[0]) if self.login is not None else ""

    @property
    def password(self) -> Secret:
        return Secret(unquote(self.login.reveal().partition(":")[2]) if self.login is not None else "")


def _over_network(scheme: str, rest: str) -> RepositoryAddress:
    end = found.start() if (found := _AUTHORITY_ENDS.search(rest)) else len(rest)
    authority, path = rest[:end], rest[end:]
    login, at, host = authority.rpartition("@")
    # A password that holds / ? or # ends the authority before its @: then the rest of it is taken for a path.
    if "@" in path.replace("/@", "/") or any(sign.isspace() for sign in rest):
        raise UserMistake(f"The repository's address is not a git URL: {_ENCODE}; in its path, write @ as %40.")
    _check_host(f"{scheme}://{host}{path}", host)
    if not path.strip("/"):
        raise UserMistake("The repository's address names a host and no repository there: write https://HOST/PATH.git.")
    if any(not sign.isprintable() for sign in unquote(login)):
        raise UserMistake("The user name and password in the repository's address must hold no line ends.")
    if scheme == "ssh":  # It takes keys, never a password from an address.
        user = login.partition(":")[0]
        return RepositoryAddress(url=f"{scheme}://{user}{at if user else ''}{host}{path}")
    if login and scheme == "git":
        raise UserMistake("A repository at git:// takes no user name and password; use https://.")
    return RepositoryAddress(url=f"{scheme}://{host}{path}", login=Secret(login) if login else None)


def _check_host(url: str, host: str) -> None:
    if host.startswith("-"):
        raise UserMistake("The repository's address is not a git URL: its host begins with a dash.")
    try:
        parts = urlsplit(url)
        found, _ = parts.hostname, parts.port
    except ValueError:
        found = None
    if not found:
        raise UserMistake(f"The repository's address is not a git URL: it names no host, or no port number: {_ENCODE}.")


def _file(text: str, rest: str) -> RepositoryAddress:
    if "@" in rest.partition("/")[0]:
        raise UserMistake("A repository at file:// takes no user name and password; write file:///the/path.")
    return RepositoryAddress(url=text)


def _without_scheme(text: str) -> RepositoryAddress:
    if "::" in text:
        raise UserMistake("git URLs that name a transport helper (name::address) are not supported.")
    if text.startswith("-") or text.partition("@")[2].startswith("-"):
        raise UserMistake("The repository's address is not a git URL: it or its host begins with a dash.")
    if text.startswith(("/", ".", "~")) and not text.startswith("//"):
        return RepositoryAddress(url=text)
    if _WITHOUT_SCHEME.fullmatch(text):
        raise UserMistake(f"The repository's address is not a git URL: did you mean https://{text}?")
    if not _SCP_LIKE.fullmatch(text):
        raise UserMistake(
            "The repository's address is not a git URL; use https://, ssh://, file:// or an absolute path."
        )
    if "@" in text.partition(":")[2]:
        raise UserMistake(
            "An address of the form user@host:path takes no password; use https://user:password@host/path "
            f"and {_ENCODE}."
        )
    return RepositoryAddress(url=text)
