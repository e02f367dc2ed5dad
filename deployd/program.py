"""How this very program is started again: as the single file that it came in, or as a package of a Python."""

import sys
from collections.abc import Mapping

FILE = "DEPLOYD_FILE"
"""The variable in which the single file says where it lies; what it unpacked lies elsewhere."""


def is_single_file() -> bool:
    return bool(getattr(sys, "frozen", False))


def own_command(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Runs what lies at that place by then, which after an upgrade is the newer one."""
    if is_single_file():
        return (environ[FILE],)
    return (sys.executable, "-m", "deployd")
