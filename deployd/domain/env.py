"""An app's environment variables: versioned, each either plain or secret."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from deployd.domain.secret import Secret
from deployd.domain.setting import WrongSetting, raise_first

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PRIVATE_KEY = re.compile(r"\s*-----BEGIN [A-Z ]*PRIVATE KEY-----\s")
_SECRET_KEY = re.compile(
    r"SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|API_?KEY|_KEY\Z|\AKEY\Z|DSN|_URL\Z|_URI\Z", re.I
)
REDACTED_FROM_LENGTH = 6
GIT_KEY = "DEPLOYD_GIT_KEY"
"""The app's private ssh key for its repository, and nobody else's business: neither processes nor builds get it."""


class EnvLayer(StrEnum):
    """Where a value came from; a value in SET wins over the same key in FILE."""

    FILE = "file"
    SET = "set"


class EnvValue(msgspec.Struct, frozen=True, kw_only=True):
    value: Secret
    secret: bool


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an app's env, layers merged. Version 0 is the empty one."""

    version: int
    values: dict[str, EnvValue]

    def plain(self) -> dict[str, str]:
        """What the app's processes and builds get."""
        return {key: entry.value.reveal() for key, entry in self.values.items() if key != GIT_KEY}

    def git_key(self) -> Secret | None:
        entry = self.values.get(GIT_KEY)
        return None if entry is None else entry.value

    def secrets(self) -> tuple[Secret, ...]:
        """The values that must not appear in any log; very short ones would redact half of every line."""
        return tuple(
            entry.value
            for entry in self.values.values()
            if entry.secret and len(entry.value.reveal()) >= REDACTED_FROM_LENGTH
        )


def looks_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def check_env(values: Mapping[str, Secret]) -> None:
    """Raises WrongSetting for the first key or value that no process could be given."""
    raise_first(wrong_env(values))


def wrong_env(values: Mapping[str, Secret]) -> Iterator[WrongSetting]:
    for key, value in values.items():
        if (why := _why_not(key, value)) is not None:
            yield WrongSetting((key,), why, named=not _KEY.fullmatch(key))


def _why_not(key: str, value: Secret) -> str | None:
    if not _KEY.fullmatch(key):
        return f"Env name {key!r} is not usable: take letters, digits and _, not starting with a digit."
    if key == "PORT":
        return "PORT is chosen by deployd for each instance and cannot be set."
    if "\0" in value.reveal():
        return f"The value of {key} holds a NUL byte, which no process can be given."
    if key == GIT_KEY and not _PRIVATE_KEY.match(value.reveal()):
        return f"{GIT_KEY} must be a private ssh key, as ssh-keygen writes it into a file."
    return None
