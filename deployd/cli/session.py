"""What every verb is given: the daemon, and the way to answer (JSON on stdout, or text for a person)."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from deployd.cli.daemon import Daemon
from deployd.cli.place import place_of
from deployd.cli.screen import Screen
from deployd.config_file import environment


@dataclass(frozen=True)
class Session:
    config: Path | None
    data_dir: Path | None
    as_json: bool

    @cached_property
    def daemon(self) -> Daemon:
        return Daemon(place_of(self.config, self.data_dir).socket)

    @cached_property
    def screen(self) -> Screen:
        return Screen.of(sys.stdout, environment())

    def show(self, value: object, person: Callable[[Screen], None]) -> None:
        """`value` as one JSON document, or what `person` prints."""
        if self.as_json:
            self.document(value)
        else:
            person(self.screen)

    def say(self, value: object, sentence: str) -> None:
        self.show(value, lambda screen: screen.text(sentence))

    def document(self, value: object) -> None:
        """One JSON document on one line."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()
