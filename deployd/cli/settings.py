"""set: changes settings of an app, in deployd.toml where it stands there."""

import tomllib
from typing import Annotated, Any

import msgspec
import typer
from msgspec import inspect

from deployd.cli.apps import AppArgument
from deployd.cli.daemon import segment
from deployd.cli.failure import Failure
from deployd.cli.session import Session
from deployd.cli.verb import verb
from deployd.domain.setting import ANY
from deployd.settings.declared import Owner
from web.views import AppView

_LONGEST = 60
"""Of a value that is repeated in a sentence."""


@verb
def change_settings(
    session: Session,
    name: AppArgument,
    pairs: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", show_default=False)],
) -> None:
    """Change settings of an app, such as health=/up or limits.memory_mb=256. `KEY=` puts the default back."""
    from deployd.settings.effect import effect
    from deployd.settings.explain import explain

    patch: dict[str, Any] = {}
    paths: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"{pair!r} is not of the form KEY=VALUE.")
        if key.partition(".")[0] == "env":
            raise Failure(f"Env is set with: deployd env set {name} KEY=VALUE")
        (explained,) = explain(f"apps.{ANY}.{key}")
        paths[key] = path = explained.key.split(".")[2:]
        _put(patch, path, _read(path, value) if value else None)
    changed = session.daemon.send("PATCH", f"/apps/{segment(name)}", AppView, patch)
    by_file = changed.owner is Owner.FILE
    effects = {key: effect(("apps", name, *path), by_file=by_file) for key, path in paths.items()}
    said = [f"`{key}` takes effect {when}" for key, when in effects.items()]
    if changed.latest is None and changed.settings.repo is not None:
        said = [f"Deploy it with: deployd deploy {name}"]
    session.say(changed, "\n".join([f"Changed {name}{' in deployd.toml' if by_file else ''}.", *said]))


def _put(patch: dict[str, Any], path: list[str], value: object) -> None:
    for part in path[:-1]:
        patch = patch.setdefault(part, {})
    patch[path[-1]] = value


def _read(path: list[str], value: str) -> object:
    """As TOML has it, and where text is wanted also without quotes, a list of texts with commas."""
    from deployd.settings.schema import choices, described, kind_of

    kind = kind_of(("apps", ANY, *path))
    assert kind is not None
    kinds = choices(kind)
    wants_text = any(isinstance(one, inspect.StrType | inspect.EnumType) for one in kinds)
    if value[0] not in "\"'[{":
        if wants_text:
            return value
        if isinstance(kinds[0], inspect.VarTupleType):
            return [part.strip() for part in value.split(",")]
    try:
        read = tomllib.loads(f"value = {value}")["value"]
        msgspec.json.encode(read)
    except (ValueError, OverflowError, RecursionError) as error:  # Also what is TOML, and too long or too deep.
        shown = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
        raise Failure(f"`{'.'.join(path)}` must be {described(kind)}, and is {shown}.") from error
    return read
