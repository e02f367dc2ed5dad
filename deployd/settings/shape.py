"""Whether TOML's values are what the Structs want: every mistake in it, each with its key and what would be right."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import inspect

from deployd.domain.setting import ANY, Key, WrongSetting
from deployd.domain.suggestion import nearest
from deployd.settings.schema import all_keys, allowed, choices, described, fields, pattern

Resolve = Callable[[object], object]
"""What becomes of a secret as it stands in the file; ValueError says why nothing can."""

_LISTED_KEYS = 16
_TOO_LONG = 10**30
"""What a sentence does not repeat; of thousands of digits Python itself makes no text."""


def wrong_shapes(value: Any, kind: inspect.Type, key: Key, resolve: Resolve) -> Iterator[WrongSetting]:
    """`key` is that of `value`, seen from the top of the file."""
    fitting = next((one for one in choices(kind) if _fits(value, one)), None)
    match fitting:
        case None:
            yield WrongSetting(key, _wrong_kind(value, kind, key))
        case inspect.StructType():
            yield from _wrong_table(value, fitting, key, resolve)
        case inspect.DictType(value_type=item):
            for name, each in value.items():
                yield from wrong_shapes(each, item, (*key, name), resolve)
        case inspect.VarTupleType(item_type=item):
            for at, each in enumerate(value):
                yield from wrong_shapes(each, item, (*key, at), resolve)
        case _:
            if (why := _wrong_value(value, fitting, key, resolve)) is not None:
                yield WrongSetting(key, why)


def _wrong_value(value: Any, kind: inspect.Type, key: Key, resolve: Resolve) -> str | None:
    match kind:
        case inspect.IntType() | inspect.FloatType() if not _in_range(value, kind):
            return f"`{shown(key)}` must be {described(kind)}, and is {_named(value).removeprefix('the number ')}."
        case inspect.EnumType() | inspect.LiteralType() if value not in allowed(kind):
            return _wrong_choice(value, kind, key)
        case inspect.CustomType():
            try:
                resolve(value)
            except ValueError as error:
                return f"`{shown(key)}`: {error}."
    return None


def shown(key: Key) -> str:
    """As a dotted key; positions in lists count from 1."""
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def _fits(value: Any, kind: inspect.Type) -> bool:
    match kind:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.VarTupleType():
            return isinstance(value, list)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)


def _in_range(value: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    if abs(value) >= 2**63 or math.isnan(value):
        return False
    above = (kind.gt is None or value > kind.gt) and (kind.ge is None or value >= kind.ge)
    return above and (kind.le is None or value <= kind.le)


def _wrong_table(table: dict[str, Any], kind: inspect.StructType, key: Key, resolve: Resolve) -> Iterator[WrongSetting]:
    known = fields(kind)
    for name, value in table.items():
        if name in known:
            yield from wrong_shapes(value, known[name].type, (*key, name), resolve)
        else:
            yield WrongSetting((*key, name), _unknown(name, value, kind, key), named=True)
    for name, field in known.items():
        if field.required and name not in table:
            yield WrongSetting(key, f"`{shown(key)}` lacks `{name}`, which has no default.")


def _unknown(name: str, value: object, kind: inspect.StructType, key: Key) -> str:
    table = f"[{shown(key)}]" if key else "The top of the file"
    if isinstance(value, dict) and not key:
        return f"There is no table [{name}]: {_other_table(name, value, list(fields(kind)))}"
    what = f"{table} has no key `{name}`"
    if close := _own_key(name, kind):
        return f"{what}: did you mean `{close}`?"
    here = pattern(key)
    elsewhere = [one[:-1] for one in all_keys() if one[-1] == name and one[:-1] != here]
    elsewhere.sort(key=lambda one: (here[: len(one)] != one, len(one)))  # A table around this one comes first.
    if elsewhere:
        return f"{what}: it is a key of {_table(elsewhere[0], key)}, so {_where_to(elsewhere[0], here, key)}."
    few = f": its keys are {', '.join(fields(kind))}." if len(fields(kind)) <= _LISTED_KEYS else "."
    return what + few


def _own_key(name: str, kind: inspect.StructType) -> str | None:
    """The key of this table or of one in it that was probably meant: `limits.memory_mb` for `memory_mb`."""
    own = [one for one in all_keys(kind) if ANY not in one]
    below = next((one for one in own if one[-1] == name), None)
    by_word = {"_".join(one): one for one in own}
    close = nearest(name, by_word)
    found = below or (by_word[close] if close else None)
    return ".".join(found) if found else None


def _other_table(name: str, table: dict[str, Any], known: list[str]) -> str:
    if "repo" in table or "upstream" in table:
        return f"the table of an app is [apps.{name}]."
    if close := nearest(name, known):
        return f"did you mean [{close}]?"
    return f"an app's is [apps.{name}], and deployd's own are {', '.join(f'[{one}]' for one in known)}."


def _table(pattern: tuple[str, ...], at: Key) -> str:
    """With the name of the app it is about, where that is known."""
    if not pattern:
        return "no table"
    names = [part if part != ANY else at[index] if index < len(at) else "NAME" for index, part in enumerate(pattern)]
    return f"[{'.'.join(str(one) for one in names)}]"


def _where_to(there: tuple[str, ...], here: Key, key: Key) -> str:
    if here[: len(there)] == there:
        return f"move it up, above the line [{shown(key)}]"
    return "move it there"


def _wrong_kind(value: Any, kind: inspect.Type, key: Key) -> str:
    return f"`{shown(key)}` must be {described(kind)}, and is {_named(value)}{_instead(value, kind)}."


def _instead(value: Any, kind: inspect.Type) -> str:
    """What was probably meant; no text is repeated here, since it may be a secret."""
    wanted = choices(kind)[0]
    if isinstance(wanted, inspect.VarTupleType) and _fits(value, choices(wanted.item_type)[0]):
        return ": put it into [ ]"
    if isinstance(value, list) and isinstance(wanted, inspect.StructType):
        return ": its name stands in single brackets"
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float) and isinstance(wanted, inspect.StrType | inspect.CustomType):
        return ": put it into quotes"
    if isinstance(value, str) and isinstance(wanted, inspect.BoolType | inspect.IntType | inspect.FloatType):
        return ": leave out the quotes" if _reads_as(value, wanted) else ""
    return ""


def _reads_as(text: str, wanted: inspect.Type) -> bool:
    if isinstance(wanted, inspect.BoolType):
        return text in ("true", "false")
    return text.isascii() and text.replace(".", "", 1).isdigit()


def _named(value: Any) -> str:
    match value:
        case bool():
            return f"{value}".lower()
        case int() if abs(value) >= _TOO_LONG:
            return "a number of more than 30 digits"
        case int() | float():
            return f"the number {value}"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _wrong_choice(value: str, kind: inspect.Type, key: Key) -> str:
    close = nearest(value, [one for one in allowed(kind) if isinstance(one, str)])
    guess = f': did you mean "{close}"?' if close else "."
    return f'`{shown(key)}` must be {described(kind)}, and is "{value}"{guess}'
