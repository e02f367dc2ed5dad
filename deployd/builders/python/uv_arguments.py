"""Arguments of uv made from what a repository says, safe to stand in a shell command."""

import re
import shlex
from collections.abc import Iterable

_INDEX = re.compile(r"https?://[\w.:/~+-]+")
_PYPI = "pypi"
"""What these tools call the index that uv asks anyway."""


def quoted(requirements: Iterable[str]) -> str:
    """What begins with a dash would be an option and not a requirement."""
    return " ".join(shlex.quote(line) for line in requirements if line and not line.startswith("-"))


def index_options(sources: object) -> str:
    """The indexes beside PyPI in a `source` list of Poetry, PDM or Pipenv; names and passwords are never in there.

    With several indexes each package may come from any of them, as those tools do it.
    """
    listed = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    urls = [str(source.get("url")) for source in listed if str(source.get("name")).lower() != _PYPI]
    others = [url for url in urls if _INDEX.fullmatch(url)]
    return "".join(f" --index {url}" for url in others) + (" --index-strategy unsafe-best-match" if others else "")
