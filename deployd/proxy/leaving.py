"""Those that would stay for hours are asked to leave one after another, so that they do not all come back at once."""

import asyncio
import math
from collections.abc import Sequence
from typing import Protocol

_SHARE = 0.9
"""Of the time until the cut: the last to be asked must have time to go."""
_STEP_SECONDS = 0.02


class Guest(Protocol):
    def leave(self) -> None:
        """Ends soon, by itself."""
        ...


async def ask_to_leave(guests: Sequence[Guest], seconds: float) -> None:
    """Evenly over `seconds`; the first one, and so a single one, at once."""
    if not guests:
        return
    window = seconds * _SHARE
    at_once = max(1, math.ceil(len(guests) * _STEP_SECONDS / window)) if window else len(guests)
    for first in range(0, len(guests), at_once):
        for guest in guests[first : first + at_once]:
            guest.leave()
        await asyncio.sleep(window * at_once / len(guests))
