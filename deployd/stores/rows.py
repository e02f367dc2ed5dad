"""Turns rows into Structs and back: columns are named like fields, JSON columns hold what is read as a whole."""

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
            fields[column] = msgspec.json.decode(fields[column])
    return msgspec.convert(fields, kind)
