"""Keeps the folders that a framework fills to build faster next time (.next/cache, .turbo) apart from the project."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from deployd.builders.caches import places
from deployd.builders.caches.fingerprint import fingerprint
from deployd.builders.caches.planting import Everything, Owner, make_way, plant_whole
from deployd.builders.caches.trees import UNFINISHED
from deployd.kernel.in_thread import Check
from deployd.removal import remove


class KeptFolders:
    """One small project for each kept folder; builds get copies, since frameworks write into them as they like."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bring(self, project: Path, names: Iterable[str], check: Check) -> None:
        """A name that the project itself holds, or that leads out of it, stays as it is."""
        for name in places.outermost(names):
            kept = self._place(name)
            if kept.is_dir() and places.inside(project, name) and not os.path.lexists(project / name):
                try:
                    _copy(kept, project, name, check)
                except OSError:
                    remove(project / name)
                    raise

    def take_out(self, project: Path, names: Iterable[str], check: Check) -> None:
        """Keeps what a build that ended well has left in them; afterwards the project holds none of them."""
        for name in places.outermost(names):
            if not places.reachable(project, name):
                continue
            try:
                if places.inside(project, name) and (project / name).is_dir():
                    self._keep(project, name, check)
            finally:
                remove(project / name)

    def clear(self) -> None:
        """Removes what was replaced, and what a killed build has left half-made."""
        for path in self._folder.glob(f"{UNFINISHED}*"):
            remove(path)

    def _keep(self, project: Path, name: str, check: Check) -> None:
        """The kept one is whole at any moment, or not there at all."""
        kept = self._place(name)
        fresh, stale = (self._folder / f"{UNFINISHED}{secrets.token_hex(8)}" for _ in range(2))
        fresh.mkdir(parents=True)
        try:
            _move(project, fresh, name, check)
            if kept.exists():
                kept.rename(stale)
            fresh.rename(kept)
        finally:
            remove(fresh)

    def _place(self, name: str) -> Path:
        return self._folder / hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def _move(source: Path, target: Path, name: str, check: Check) -> None:
    make_way(target, (name,), Owner.of(source))
    try:
        (source / name).rename(target / name)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target, name, check)


def _copy(source: Path, target: Path, name: str, check: Check) -> None:
    owner = Owner.of(source / name)
    make_way(target, (name,), owner)
    plant_whole(fingerprint(source, (name,), check), source, target, owner, check, Everything())
