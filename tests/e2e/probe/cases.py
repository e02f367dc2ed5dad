"""The conformance cases as values: what is sent, and how binding the expected answer is."""

from functools import cache
from pathlib import Path

import msgspec

from tests.e2e.probe.spelled_out import FOLLOW_UP, SPELLED_OUT

HOST = "localhost"
_FILE = Path(__file__).with_name("cases.json")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """`parts` are sent one after the other; between two of them the answer to the first is awaited."""

    id: str
    suite: str
    level: str
    exp: str
    close_ok: bool
    desc: str
    parts: tuple[bytes, ...]

    @property
    def method(self) -> str:
        return self.parts[0].split(b" ")[0].decode("latin-1")

    @property
    def binding(self) -> bool:
        return self.level == "Must"


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    suite: str
    kind: str
    level: str
    exp: str
    close_ok: bool
    desc: str
    payload: str | None = None


@cache
def all_cases() -> tuple[Case, ...]:
    return tuple(_case(entry) for entry in msgspec.json.decode(_FILE.read_bytes(), type=list[_Entry]))


def _case(entry: _Entry) -> Case:
    first = SPELLED_OUT.get(entry.id)
    if first is None:
        assert entry.payload is not None, entry.id
        first = bytes.fromhex(entry.payload)
    parts = (first, FOLLOW_UP) if entry.kind == "SequenceTestCase" else (first,)
    return Case(
        id=entry.id,
        suite=entry.suite,
        level=entry.level,
        exp=entry.exp,
        close_ok=entry.close_ok,
        desc=entry.desc,
        parts=parts,
    )
