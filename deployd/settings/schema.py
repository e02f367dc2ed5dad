"""The keys of deployd.toml and what each may hold, read from the Structs themselves."""

from collections.abc import Iterator
from functools import cache

from msgspec import inspect

from deployd.config import NOT_A_KEY, Config
from deployd.domain.secret import Secret
from deployd.domain.setting import ANY, Key

_PARTLY_SECRET = ("apps", ANY, "proxy", "basic_auth")
"""Hashes, but a person may have put the password itself there."""


@cache
def config_kind() -> inspect.Type:
    return inspect.type_info(Config)


def choices(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """What a value may be, without the null that TOML does not have."""
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return tuple(one for one in kinds if not isinstance(one, inspect.NoneType))


def fields(kind: inspect.Type) -> dict[str, inspect.Field]:
    """Of a table whose keys are ours; empty for everything else."""
    return {
        field.encode_name: field
        for one in choices(kind)
        if (table := struct(one))
        for field in table.fields
        if field.encode_name != NOT_A_KEY
    }


def struct(kind: inspect.Type) -> inspect.StructType | None:
    return next((one for one in choices(kind) if isinstance(one, inspect.StructType)), None)


def kind_of(key: Key, top: inspect.Type | None = None) -> inspect.Type | None:
    """None when there is no such key; `top` is what the key counts from, when that is not deployd.toml."""
    kind: inspect.Type | None = top or config_kind()
    for part in key:
        kind = None if kind is None else _below(kind, part)
    return kind


def pattern(key: Key) -> Key:
    """With ANY for the names that the user chose; positions in lists are left out."""
    kind, written = config_kind(), list[str | int]()
    for part in key:
        below = _below(kind, part)
        if not isinstance(part, int):
            written.append(ANY if part not in fields(kind) and _is_chosen(kind) else part)
        if below is None:
            break
        kind = below
    return tuple(written)


def all_keys(kind: inspect.Type | None = None, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """As patterns, tables before what is in them."""
    for name, field in fields(kind or config_kind()).items():
        yield (*at, name)
        yield from _inside(field.type, (*at, name))


def is_secret(key: Key) -> bool:
    """Whether its value must not be shown; so is what stands under a key that nobody knows."""
    written = pattern(key)
    kind = kind_of(key)
    return kind is None or written[: len(_PARTLY_SECRET)] == _PARTLY_SECRET or any(_holds_secrets(kind))


def described(kind: inspect.Type) -> str:
    """Such as `a whole number from 1 to 20`."""
    return " or ".join(dict.fromkeys(_described(one) for one in choices(kind)))


def allowed(kind: inspect.Type) -> tuple[object, ...]:
    """The values of an enumeration."""
    for one in choices(kind):
        if isinstance(one, inspect.EnumType):
            return tuple(member.value for member in one.cls)
        if isinstance(one, inspect.LiteralType):
            return one.values
    return ()


def _is_chosen(kind: inspect.Type) -> bool:
    """Whether the names in such a table are the user's own."""
    return any(isinstance(one, inspect.DictType) for one in choices(kind))


def _below(kind: inspect.Type, part: str | int) -> inspect.Type | None:
    for one in choices(kind):
        match one:
            case inspect.StructType() if part in fields(one):
                return fields(one)[str(part)].type
            case inspect.DictType() if isinstance(part, str):
                return one.value_type
            case inspect.VarTupleType():
                return one.item_type if isinstance(part, int) else _below(one.item_type, part)
    return None


def _inside(kind: inspect.Type, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for one in choices(kind):
        match one:
            case inspect.StructType():
                yield from all_keys(one, at)
            case inspect.DictType(value_type=value) if struct(value):
                yield (*at, ANY)
                yield from all_keys(value, (*at, ANY))
            case inspect.VarTupleType(item_type=item):
                yield from all_keys(item, at)


def _holds_secrets(kind: inspect.Type) -> Iterator[bool]:
    for one in choices(kind):
        match one:
            case inspect.CustomType(cls=cls):
                yield cls is Secret
            case inspect.DictType(value_type=value):
                yield from _holds_secrets(value)


def _described(kind: inspect.Type) -> str:
    match kind:
        case inspect.StrType() | inspect.CustomType():
            return "text in quotes"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number{_range(kind)}"
        case inspect.FloatType():
            return f"a number{_range(kind)}"
        case inspect.EnumType() | inspect.LiteralType():
            return "one of " + ", ".join(f'"{one}"' for one in allowed(kind))
        case inspect.VarTupleType(item_type=item):
            return f"a list of {_many(item)}"
        case inspect.DictType(value_type=value):
            return f"a table of names and {_many(value)}"
        case _:
            return "a table"


def _many(kind: inspect.Type) -> str:
    match choices(kind)[0]:
        case inspect.StrType() | inspect.CustomType():
            return "texts"
        case inspect.IntType() | inspect.FloatType() as number:
            return f"numbers{_range(number)}"
        case _:
            return "tables"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.gt is not None:
        return f" above {kind.gt:g}" + (f", up to {kind.le:,g}" if kind.le is not None else "")
    if kind.ge is not None:
        return f" from {kind.ge:g} to {kind.le:,d}" if kind.le is not None else f" from {kind.ge:g} on"
    return ""
