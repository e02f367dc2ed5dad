"""Reads txtar: one text file that holds the files of a folder, each below a line `-- name --`."""

import re
from pathlib import Path

_HEAD = re.compile(r"^-- (.+) --\n", re.MULTILINE)


def unpack(archive: Path, folder: Path) -> None:
    """The archive keeps apps out of reach of our own linters, type checker and test collection."""
    before, *rest = _HEAD.split(archive.read_text(encoding="utf-8"))
    if before.strip() or not rest:
        raise ValueError(f"{archive} does not begin with a line `-- name --`.")
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
