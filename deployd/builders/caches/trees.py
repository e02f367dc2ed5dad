"""Keeps the folders that installations have filled, and brings them back when nothing about them has changed."""

import errno
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deployd.builders.caches import places
from deployd.builders.caches.fingerprint import Entry, fingerprint
from deployd.builders.caches.planting import Owner, find_changed, finish_folders, make_way, plant, plant_whole
from deployd.kernel.in_thread import Check
from deployd.removal import remove

UNFINISHED = ".unfinished-"
"""How names begin that a build has not brought to their end; the next build clears them."""

SIZE = "bytes"
"""A file in each tree that says what it takes on the disk: to measure it would take as long as to use it."""

_LISTING = "listing"
_FILES = "files"
_SPARE = "spare"
_WRITTEN = "written"
_KEPT = 2
_BLOCK = 4096


class Listing(msgspec.Struct, frozen=True, array_like=True):
    """What was installed; `places` are the folders that were asked for and there afterwards."""

    places: tuple[str, ...]
    entries: list[Entry]


class Taken(msgspec.Struct, frozen=True):
    """An installation on its way to be stored."""

    project: Path
    listing: Listing
    copied: frozenset[bytes]
    unfinished: Path


class TreeChanged(Exception):
    """A build has written into kept files; the tree is gone."""

    def __init__(self, paths: Sequence[bytes]) -> None:
        super().__init__()
        self.paths = paths


class Trees:
    """One folder for each key; builds cannot reach it, but where files are hard-linked they can write into them.

    A file that was once written to in place is from then on only ever copied: `written` remembers such files.
    Beside its files a tree may have a spare set of links to them, which the next build only has to be given.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bring(self, key: str, project: Path, check: Check) -> Listing | None:
        """Fills the project from the tree of that key, if there is one. Raises TreeChanged.

        Unless it answers with a listing, it leaves nothing in the project.
        """
        tree = self._folder / key
        listing = self._read(tree)
        if listing is None or not free(project, listing.places):
            return None
        try:
            changed = (
                [] if self._give_spare(project, listing, tree, check) else self._fill(project, listing, tree, check)
            )
        except OSError:
            _remove_all(project, listing.places)
            return None
        if changed:
            self._remember_written(changed)
            self.discard(tree)
            raise TreeChanged(changed)
        os.utime(tree)
        return listing

    def take(self, project: Path, folders: Sequence[str], check: Check) -> Taken | None:
        """Looks what an installation has left in `folders`, and copies what may be written to. To be stored at once, or
        while the build goes on. None where there is nothing, or not where it seems to be.
        """
        names = places.outermost(folders)
        if not all(places.inside(project, name) for name in names):
            return None
        names = tuple(name for name in names if os.path.lexists(project / name))
        entries = fingerprint(project, names, check)
        if not entries:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        copied = self._copied(names, entries)
        taken = Taken(project, Listing(names, entries), copied, self._unfinished())
        files = taken.unfinished / _FILES
        files.mkdir(parents=True)
        owner = Owner.of(project)
        owner.give(os.fsencode(files))
        make_way(files, names, owner)
        ways = {way for path in copied for way in _ways_to(path)}
        now = [entry for entry in entries if entry.path in (ways if entry.is_folder else copied)]
        plant(now, project, files, owner, check, copied)
        return taken

    def store(self, key: str, taken: Taken, check: Check) -> None:
        """Links what was not copied. OSError when the build has taken it away meanwhile; nothing is kept then."""
        unfinished, listing = taken.unfinished, taken.listing
        files = unfinished / _FILES
        try:
            left = [entry for entry in listing.entries if entry.is_folder or entry.path not in taken.copied]
            plant(left, taken.project, files, Owner.of(files), check)
            finish_folders(listing.entries, files)
            (unfinished / _LISTING).write_bytes(msgspec.msgpack.encode(listing))
            (unfinished / SIZE).write_text(str(sum(_on_disk(entry) for entry in listing.entries)))
            if (self._folder / key).exists():
                self.discard(self._folder / key)
            unfinished.rename(self._folder / key)
        finally:
            remove(unfinished)
        self._drop_oldest()

    def beside(self, key: str, name: str) -> Path:
        """A file that goes when the tree goes."""
        return self._folder / key / name

    def put_beside(self, key: str, name: str, content: bytes) -> None:
        self._write(self.beside(key, name), content)

    def make_spare(self, check: Check) -> None:
        """For the tree that was used last."""
        trees = self._newest_first()
        if not trees or (trees[0] / _SPARE).exists() or (listing := self._read(trees[0])) is None:
            return
        if find_changed(listing.entries, trees[0] / _FILES, check):
            return  # The next build will notice, and install afresh.
        used = trees[0].stat().st_mtime_ns
        unfinished = self._unfinished()
        unfinished.mkdir()
        self._plant_all(unfinished, listing, trees[0], check)
        unfinished.rename(trees[0] / _SPARE)
        os.utime(trees[0], ns=(used, used))

    def discard(self, path: Path) -> None:
        """Takes it away at once; what it held is removed when the builder tidies up."""
        try:
            path.rename(self._unfinished())
        except OSError:
            remove(path)

    def clear(self) -> None:
        """Removes what was discarded, and what a killed build has left half-made."""
        for path in self._folder.glob(f"{UNFINISHED}*"):
            remove(path)

    def _give_spare(self, project: Path, listing: Listing, tree: Path, check: Check) -> bool:
        """False when there is none, or it is not (any more) what was installed."""
        spare = self._unfinished()
        try:
            (tree / _SPARE).rename(spare)
        except FileNotFoundError:
            return False
        if find_changed(listing.entries, spare, check):
            return False
        make_way(project, listing.places, Owner.of(project))
        try:
            for place in listing.places:
                (spare / place).rename(project / place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _remove_all(project, listing.places)
            return False
        return True

    def _fill(self, project: Path, listing: Listing, tree: Path, check: Check) -> list[bytes]:
        """What of the tree builds have changed: then the project is left as it was."""
        changed = find_changed(listing.entries, tree / _FILES, check)
        if not changed:
            self._plant_all(project, listing, tree, check)
        return changed

    def _plant_all(self, target: Path, listing: Listing, tree: Path, check: Check) -> None:
        owner = Owner.of(tree / _FILES)
        make_way(target, listing.places, owner)
        plant_whole(listing.entries, tree / _FILES, target, owner, check, self._copied(listing.places, listing.entries))

    def _copied(self, folders: Sequence[str], entries: Sequence[Entry]) -> frozenset[bytes]:
        """Besides `written`, the files right in a folder: there package managers note, in place, what they did."""
        tops = {os.fsencode(folder) for folder in folders}
        own = (entry.path for entry in entries if not entry.is_folder and os.path.dirname(entry.path) in tops)
        return self._written().union(own)

    def _unfinished(self) -> Path:
        return self._folder / f"{UNFINISHED}{secrets.token_hex(8)}"

    def _read(self, tree: Path) -> Listing | None:
        try:
            return msgspec.msgpack.decode((tree / _LISTING).read_bytes(), type=Listing)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError:  # Torn by a power loss.
            self.discard(tree)
            return None

    def _written(self) -> frozenset[bytes]:
        try:
            return frozenset(msgspec.msgpack.decode((self._folder / _WRITTEN).read_bytes(), type=list[bytes]))
        except (FileNotFoundError, msgspec.DecodeError):
            return frozenset()

    def _remember_written(self, paths: Sequence[bytes]) -> None:
        self._write(self._folder / _WRITTEN, msgspec.msgpack.encode(sorted(self._written().union(paths))))

    def _write(self, path: Path, content: bytes) -> None:
        unfinished = self._unfinished()
        unfinished.write_bytes(content)
        unfinished.rename(path)

    def _drop_oldest(self) -> None:
        for tree in self._newest_first()[_KEPT:]:
            self.discard(tree)

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("[!.]*/"), key=lambda tree: tree.stat().st_mtime_ns, reverse=True)


def free(project: Path, folders: Sequence[str]) -> bool:
    """Whether all of them are where they say, and nothing is there yet: a repository may hold such a folder itself."""
    return all(places.inside(project, name) and not os.path.lexists(project / name) for name in folders)


def _remove_all(project: Path, folders: Sequence[str]) -> None:
    for folder in folders:
        remove(project / folder)


def _ways_to(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[:count]) for count in range(1, len(parts))]


def _on_disk(entry: Entry) -> int:
    if entry.is_folder:
        return 2 * _BLOCK  # The spare has folders of its own.
    return -(-entry.size // _BLOCK) * _BLOCK if stat.S_ISREG(entry.mode) else 0
