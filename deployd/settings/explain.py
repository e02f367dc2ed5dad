"""What a key of deployd.toml means, what it may be, where it is set and when a change of it takes effect."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret
from deployd.domain.setting import ANY, Key
from deployd.domain.suggestion import nearest
from deployd.settings.edit import written
from deployd.settings.effect import effect
from deployd.settings.excerpt import without_credentials
from deployd.settings.places import Places
from deployd.settings.reference import Note, notes
from deployd.settings.schema import all_keys, described, fields, is_secret, kind_of, pattern

_LONGEST_VALUE = 100


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is set in the file; `value` as it is written there, `(secret)` for what must not be shown."""

    key: str
    line: int
    value: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`keys` are those of a table; `default` and `example` are as TOML, empty when there is none."""

    key: str
    meaning: str
    type: str
    default: str
    example: str
    effect: str
    set_at: tuple[Setting, ...] = ()
    keys: tuple[str, ...] = ()


def tables() -> tuple[Explanation, ...]:
    """Each table there is, and the keys that stand in none."""
    return tuple(_explained(each, Places("")) for each in _known() if len(each) == 1 or _is_table(each))


def explain(asked: str, text: str = "") -> tuple[Explanation, ...]:
    """One for `server.http`, several for a bare key that several tables have. `text` is that of deployd.toml.

    UserMistake for a key that there is not, with the one that was probably meant.
    """
    places = Places(text)
    return tuple(_explained(key, places) for key in _meant(_parts(asked), asked))


def _parts(asked: str) -> Key:
    return tuple(part.strip("\"'") for part in asked.strip().strip("[]").split(".") if part)


def _meant(asked: Key, as_written: str) -> tuple[Key, ...]:
    if asked and kind_of(asked) is not None:
        return (asked,)
    if len(asked) == 1 and (found := tuple(each for each in _known() if each[-1] == asked[0])):
        return found
    if asked and kind_of(("apps", ANY, *asked)) is not None:
        return (("apps", ANY, *asked),)
    raise UserMistake(f"deployd.toml has no key `{as_written}`{_guess(asked)} All tables: deployd check --explain")


def _guess(asked: Key) -> str:
    """Of the whole key, or of its last name in any table; what `_` joins may be what `.` joins."""
    own = {"_".join(each): each for each in _known()}
    names = {each[-1]: each for each in _known()}
    as_pattern = ("apps", ANY, *asked[2:]) if asked[:1] == ("apps",) else asked
    if close := nearest("_".join(map(str, as_pattern)), own):
        return f": did you mean `{'.'.join(own[close])}`?"
    if asked and (close := nearest(str(asked[-1]), names)):
        return f": did you mean `{'.'.join(names[close])}`?"
    return "."


def _known() -> Iterator[tuple[str, ...]]:
    return all_keys()


def _is_table(key: Key) -> bool:
    kind = kind_of(key)
    return kind is not None and bool(fields(kind))


def _explained(key: Key, places: Places) -> Explanation:
    kind = kind_of(key)
    assert kind is not None
    note = _note(key)
    default = _default(key)
    example = note.example if note.example != default else ""
    return Explanation(
        key=".".join(map(str, key)),
        meaning=note.meaning,
        type=described(kind),
        default=default,
        example=example,
        effect=effect(key),
        set_at=tuple(_set_at(key, places)),
        keys=tuple(fields(kind)),
    )


def _note(key: Key) -> Note:
    """Its own, or that of the table or list that it is in."""
    for length in range(len(key), 0, -1):
        if (note := notes().get(pattern(key[:length]))) is not None:
            return note if length == len(key) else Note(meaning=note.meaning, example="")
    return Note(meaning="", example="")


def _default(key: Key) -> str:
    parent = kind_of(key[:-1])
    field = fields(parent).get(str(key[-1])) if parent is not None else None
    if field is None or field.required:
        return ""
    if field.default_factory is not msgspec.NODEFAULT:
        return _as_toml(field.default_factory())
    return "" if field.default is None else _as_toml(field.default)


def _as_toml(value: Any) -> str:
    if isinstance(value, msgspec.Struct | inspect.Type):
        return ""
    return written(value.reveal() if isinstance(value, Secret) else msgspec.to_builtins(value))


def _set_at(key: Key, places: Places) -> Iterator[Setting]:
    """`*` stands for each app."""
    wanted = pattern(key)
    for found, span in places.keys.items():
        names = tuple(part for part in found if not isinstance(part, int))
        if not _matches(names, key) or pattern(found) != wanted:
            continue
        value = places.values.get(found)
        text = "" if value is None else _shown(found, places.text[value.start : value.end])
        yield Setting(key=".".join(map(str, found)), line=places.line(span.start), value=text)


def _matches(found: Key, key: Key) -> bool:
    return len(found) == len(key) and all(own in (ANY, there) for own, there in zip(key, found, strict=True))


def _shown(key: Key, value: str) -> str:
    if is_secret(key):
        return "(secret)"
    line = without_credentials(" ".join(value.split()))
    return line if len(line) <= _LONGEST_VALUE else f"{line[:_LONGEST_VALUE]}…"
