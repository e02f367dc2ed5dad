"""check --explain: what a key of deployd.toml means, and where it is set in the file that is used."""

from typing import TYPE_CHECKING

from deployd.cli.place import config_path
from deployd.cli.session import Session
from deployd.domain.errors import UserMistake
from deployd.settings.explain import Explanation, explain, tables

if TYPE_CHECKING:
    from rich.console import Console

_TOLD_PLACES = 10


def show(session: Session, key: str | None) -> None:
    if key is None:
        found = tables()
        session.show(found, lambda console: _print_tables(console, found))
        return
    name, text = _file(session)
    explained = explain(key, text)
    session.show(explained, lambda console: _print_all(console, explained, key, name))


def _file(session: Session) -> tuple[str | None, str]:
    """Its name and text; a key can be explained without one, too."""
    from deployd.config_file import text_of

    try:
        path = config_path(session.config)
    except UserMistake:
        if session.config is not None:
            raise
        return None, ""
    return str(path), text_of(path)


def _print_tables(console: "Console", found: tuple[Explanation, ...]) -> None:
    for each in found:
        console.print(f"[{each.key}]" if each.keys else each.key, style="bold", markup=False)
        _print_line(console, each.meaning)
        _print_line(console, ", ".join(each.keys))
    console.print("A key of them: deployd check --explain server.http", markup=False)


def _print_all(console: "Console", explained: tuple[Explanation, ...], asked: str, file: str | None) -> None:
    if len(explained) > 1:
        console.print(f"{len(explained)} tables have a key `{asked}`:", markup=False)
    for number, each in enumerate(explained):
        if number:
            console.print()
        _print_one(console, each, file)


def _print_one(console: "Console", each: Explanation, file: str | None) -> None:
    console.print(f"[{each.key}]" if each.keys else each.key, style="bold", markup=False)
    _print_line(console, each.meaning)
    name = each.key.rpartition(".")[2]
    facts = {
        "type": each.type,
        "keys": ", ".join(each.keys),
        "default": each.default,
        "example": f"{name} = {each.example}" if each.example else "",
        "takes effect": each.effect,
    }
    for label, fact in facts.items():
        if fact:
            _print_line(console, f"{label + ':':14}{fact}")
    if file is not None:
        _print_places(console, each, file)


def _print_places(console: "Console", each: Explanation, file: str) -> None:
    if not each.set_at:
        _print_line(console, f"{'set:':14}not in {file}")
    for one in each.set_at[:_TOLD_PLACES]:
        value = f"{one.key} = {one.value}" if one.value else f"[{one.key}]"
        _print_line(console, f"{'set:':14}{file}:{one.line}: {value}")
    if len(each.set_at) > _TOLD_PLACES:
        _print_line(console, f"{'':14}and in {len(each.set_at) - _TOLD_PLACES} more places")


def _print_line(console: "Console", text: str) -> None:
    if text:
        console.print(f"  {text}", markup=False, soft_wrap=True)
