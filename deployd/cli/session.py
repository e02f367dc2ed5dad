"""What every verb is given: the daemon, and the way to answer (JSON on stdout, or text for a person)."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deployd.cli.daemon import Daemon
from deployd.cli.place import place_of

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Session:
    config: Path | None
    data_dir: Path | None
    as_json: bool

    @cached_property
    def daemon(self) -> Daemon:
        return Daemon(place_of(self.config, self.data_dir).socket)

    @cached_property
    def console(self) -> "Console":
        """Imported late: rich takes longer to import than most verbs take to run."""
        from rich.console import Console

        return Console(highlight=False, soft_wrap=not sys.stdout.isatty())

    def show(self, value: object, person: Callable[["Console"], None]) -> None:
        """`value` as one JSON document, or what `person` prints."""
        if self.as_json:
            sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        else:
            person(self.console)

    def say(self, value: object, sentence: str) -> None:
        self.show(value, lambda console: console.print(sentence, markup=False))
