"""Waits for processes of others to end."""

import asyncio
import os
import select
from collections.abc import Iterable

_SECONDS = 5.0


async def still_alive(pids: Iterable[int]) -> list[int]:
    """Those that have not ended within five seconds; the dead that nobody has buried have ended."""
    return [pid for pid in pids if not await asyncio.to_thread(_ends, pid)]


def _ends(pid: int) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        readable, _, _ = select.select([handle], [], [], _SECONDS)
        return bool(readable)
    finally:
        os.close(handle)
