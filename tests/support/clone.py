"""This project as a clone of it is: what git would have in it, without what was built or installed here."""

import subprocess
import tarfile
from pathlib import Path

from tests.support.bare_root import BareRoot

_PROJECT = Path(__file__).resolve().parents[2]


def clone_into(root: BareRoot, folder: str, user: str) -> None:
    """`folder` is an absolute path inside."""
    root.run(["mkdir", "-p", folder], user=user)
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=_PROJECT, check=True, capture_output=True, text=True, timeout=30).stdout
    archive = root.files / "tmp" / "clone.tar"
    with tarfile.open(archive, "w") as tar:
        for name in filter(None, names.split("\0")):
            if (_PROJECT / name).exists():
                tar.add(_PROJECT / name, arcname=name)
    root.run(f"tar --extract --no-same-owner --file /tmp/clone.tar --directory {folder}", user=user)
    archive.unlink()
