"""Deletes what builds and apps have left, however deep it is and whatever rights it has."""

import os
import subprocess
from pathlib import Path

_SECONDS = 600.0


def remove(path: Path) -> None:
    """A file, a link or a whole folder; nothing when it is not there. Blocks. OSError when something could not go.

    By the system's `rm`: Python's own way recurses, and a hostile tree is deeper than that can go.
    """
    if _removed(path):
        return
    # Package caches (Go's) take the right to write away from their own folders.
    subprocess.run(["chmod", "-R", "u+rwX", "--", path], stderr=subprocess.DEVNULL, timeout=_SECONDS, check=False)
    if not _removed(path):
        raise OSError(f"{path} could not be deleted")


def _removed(path: Path) -> bool:
    if not os.path.lexists(path):
        return True
    subprocess.run(["rm", "-rf", "--", path], stderr=subprocess.DEVNULL, timeout=_SECONDS, check=False)
    return not os.path.lexists(path)
