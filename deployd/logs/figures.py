"""What is counted about log lines; made once, so that it outlives a restart of LogActor."""

from collections import Counter
from enum import StrEnum


class Cause(StrEnum):
    """Why a line was not stored, or not shown to somebody."""

    DISK_TOO_SLOW = "disk_too_slow"
    SLOW_VIEWER = "slow_viewer"


class LogFigures:
    def __init__(self) -> None:
        self.stored = 0
        self.trimmed = 0
        self.viewers = 0
        self.dropped: Counter[Cause] = Counter()

    def read(self) -> dict[str, float]:
        """By name; names that end in `_total` only ever grow."""
        dropped = {f"dropped_{cause}_total": float(self.dropped[cause]) for cause in Cause}
        return {
            "lines_total": float(self.stored),
            "trimmed_total": float(self.trimmed),
            "viewers": float(self.viewers),
            **dropped,
        }
