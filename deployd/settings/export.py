"""An app that was made by command, as a table for deployd.toml: appending it there gives the app to the file."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from deployd.domain.app import App, AppSettings
from deployd.domain.env import EnvValue
from deployd.settings.edit import named, written

_REFERENCES = ("env:", "file:")
"""How a value of the file begins that stands somewhere else."""


def exported(app: App, env: Mapping[str, EnvValue], *, secrets: bool = False) -> str:
    """`env` is what was set by command. Without `secrets`, what is secret is named and left out; a repo whose URL holds
    credentials then makes the whole table a comment, since it would be of no use without it.
    """
    settings = _differing(app.settings, AppSettings())
    if app.repository is not None and app.login is not None:
        settings["repo"] = app.repository.with_login.reveal()
    plain = {name: value for name, value in settings.items() if not isinstance(value, dict)}
    tables = {name: value for name, value in settings.items() if isinstance(value, dict)}
    lines = [f"[{named(('apps', app.name))}]", *_pairs(plain)]
    for name, table in tables.items():
        lines += ["", f"[{named(('apps', app.name, name))}]", *_pairs(table)]
    lines += _with_env(app.name, env) if secrets else _without_env(app.name, env)
    if not secrets and app.login is not None:
        lines = [f"# The repo of {app.name} holds credentials; `deployd export {app.name} --secrets` writes them.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _differing(value: msgspec.Struct, default: msgspec.Struct) -> dict[str, Any]:
    """The keys that are not at their default, as TOML has them."""
    found: dict[str, Any] = {}
    for field in value.__struct_fields__:
        own, usual = getattr(value, field), getattr(default, field, None)
        if own == usual and type(own) is type(usual):
            continue
        if isinstance(own, msgspec.Struct):
            found[field] = _differing(own, usual if isinstance(usual, msgspec.Struct) else type(own)())
        else:
            found[field] = msgspec.to_builtins(own)
    return found


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        yield f"{named((name,))} = {written(value)}"


def _with_env(app: str, env: Mapping[str, EnvValue]) -> Iterator[str]:
    values = {key: entry.value.reveal() for key, entry in sorted(env.items())}
    writable = {key: value for key, value in values.items() if not value.startswith(_REFERENCES)}
    if writable:
        yield ""
        yield "# What `deployd env set` set goes on to win over these, until `deployd env unset`."
        yield f"[{named(('apps', app, 'env'))}]"
        yield from _pairs(writable)
    for key in values.keys() - writable.keys():
        yield f"# {key} begins as a reference does (env: or file:), so it stays set by command."


def _without_env(app: str, env: Mapping[str, EnvValue]) -> Iterator[str]:
    if env:
        yield ""
        yield f"# Set by command, and so it stays: {', '.join(sorted(env))}."
        yield f"# Their values: deployd export {app} --secrets"
