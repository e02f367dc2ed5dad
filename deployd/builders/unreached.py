"""Hears in what a build step says that a host could not be reached: package managers bury it in their own words."""

import re
from collections.abc import Callable

_HOST = r"(?:https?://)?+([a-z0-9][\w-]*+(?:\.[\w-]++)++)"
_SAID = re.compile(
    "|".join(
        (
            rf"Unknown host {_HOST}",  # Maven
            rf"Connect to {_HOST}\S{{0,100}} .{{0,200}}failed",
            rf"> {_HOST}: (?:Name or service not known|Temporary failure in name resolution)",  # Gradle
            rf"(?:failed to resolve address for|Could not resolve host:) {_HOST}",  # Cargo, git
            rf"The \"{_HOST}/\S*\" file could not be downloaded",  # Composer
            rf"Could not install (?:Hex|Rebar)\S* because Mix could not download metadata at {_HOST}",
            rf"Could not reach host {_HOST}",  # Bundler
            rf"dial tcp: lookup {_HOST}",  # Go
            rf"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) {_HOST}",  # npm, Yarn, pnpm
            rf"error sending request for url \({_HOST}",  # uv
        )
    )
)
_MOST_READ = 2000


class Unreached:
    """Passes lines on; `host` is the last that could not be reached, None when no line speaks of one."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self.host: str | None = None

    def __call__(self, line: str) -> None:
        self._on_line(line)
        if (found := _SAID.search(line, 0, _MOST_READ)) is not None:
            self.host = next(group for group in found.groups() if group).rstrip(".")
