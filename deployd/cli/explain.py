"""check --explain: what a key of deployd.toml means, and where it is set in the file that is used."""

from deployd.cli.place import config_path
from deployd.cli.screen import Screen
from deployd.cli.session import Session
from deployd.domain.errors import UserMistake
from deployd.settings.explain import Explanation, explain, tables

_TOLD_PLACES = 10


def show(session: Session, key: str | None) -> None:
    if key is None:
        found = tables()
        session.show(found, lambda screen: _print_tables(screen, found))
        return
    name, text = _file(session)
    explained = explain(key, text)
    session.show(explained, lambda screen: _print_all(screen, explained, key, name))


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


def _print_tables(screen: Screen, found: tuple[Explanation, ...]) -> None:
    for each in found:
        screen.text(f"[{each.key}]" if each.keys else each.key, "bold")
        _print_line(screen, each.meaning)
        _print_line(screen, ", ".join(each.keys))
    screen.text("A key of them: deployd check --explain server.http")


def _print_all(screen: Screen, explained: tuple[Explanation, ...], asked: str, file: str | None) -> None:
    if len(explained) > 1:
        screen.text(f"{len(explained)} tables have a key `{asked}`:")
    for number, each in enumerate(explained):
        if number:
            screen.text("")
        _print_one(screen, each, file)


def _print_one(screen: Screen, each: Explanation, file: str | None) -> None:
    screen.text(f"[{each.key}]" if each.keys else each.key, "bold")
    _print_line(screen, each.meaning)
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
            _print_line(screen, f"{label + ':':14}{fact}")
    if file is not None:
        _print_places(screen, each, file)


def _print_places(screen: Screen, each: Explanation, file: str) -> None:
    if not each.set_at:
        _print_line(screen, f"{'set:':14}not in {file}")
    for one in each.set_at[:_TOLD_PLACES]:
        value = f"{one.key} = {one.value}" if one.value else f"[{one.key}]"
        _print_line(screen, f"{'set:':14}{file}:{one.line}: {value}")
    if len(each.set_at) > _TOLD_PLACES:
        _print_line(screen, f"{'':14}and in {len(each.set_at) - _TOLD_PLACES} more places")


def _print_line(screen: Screen, text: str) -> None:
    if text:
        screen.text(f"  {text}")
