"""Whom the kernel ends when the host runs out of memory: builds first, then apps, deployd last (its unit says that)."""

from contextlib import suppress
from pathlib import Path

APP_SCORE = 200
BUILD_SCORE = 500


def expose(pid: int, score: int) -> None:
    """Takes deployd's protection from what it starts, and from the children that this will have."""
    with suppress(OSError):  # a host that does not let us: then all are alike
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(score))
