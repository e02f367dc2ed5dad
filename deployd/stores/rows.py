"""Turns rows into Structs and back: columns are named like fields, JSON columns hold what is read as a whole."""

from functools import cache
from typing import Any, TypeVar

import msgspec

from deployd.stores.database import Row

Kind = TypeVar("Kind", bound=msgspec.Struct)


def to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def from_row(kind: type[Kind], row: Row, *json_columns: str) -> Kind:
    fields = dict(row)
    for column in json_columns:
        if fields[column] is not None:
            fields[column] = _decoder(kind, column).decode(fields[column])
    return msgspec.convert(fields, kind)


@cache
def _decoder(kind: type[msgspec.Struct], column: str) -> msgspec.json.Decoder[Any]:
    (field,) = [field for field in msgspec.structs.fields(kind) if field.name == column]
    return msgspec.json.Decoder(field.type)
