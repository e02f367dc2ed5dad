"""The unit and the commented configuration that deployd carries along, fitted to where it is installed."""

import re
from pathlib import Path

from deployd.installation.layout import UNIT, Layout

_HERE = Path(__file__).parent
_PROGRAM = re.compile(r"/opt/deployd/\S*bin/deployd\b")


def unit_text(command: tuple[str, ...], layout: Layout) -> str:
    text = _carried(UNIT)
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#   ")]
    text = _PROGRAM.sub(" ".join(command), "".join(lines))
    return text.replace("/etc/deployd/deployd.toml", str(layout.config)).replace("/var/lib/deployd", str(layout.data))


def config_text(layout: Layout) -> str:
    """Every key with its default, as in the reference; only the data folder is this host's."""
    text = _carried("deployd.toml")
    return text.replace('data_dir = "data"', f'data_dir = "{layout.data}"', 1)


def _carried(name: str) -> str:
    """In the repository a link to where people look for it; in what is built from it, the file."""
    return (_HERE / name).read_text(encoding="utf-8")
