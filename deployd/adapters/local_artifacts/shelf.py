"""The folder that artifacts lie in: what is in it, what is being put there, and what may go."""

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from deployd.adapters.local_artifacts.manifest import read_manifest
from deployd.adapters.local_artifacts.memory import read_seen
from deployd.adapters.local_artifacts.tar_blocks import BadArtifact
from deployd.domain.errors import NotFound

UNFINISHED = ".unfinished-"
_ARCHIVE, _MANIFEST, _SEEN = ".tar.zst", ".json", ".seen"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class OpenPart(NamedTuple):
    """`at` is its folder in the whole."""

    at: str
    digest: str
    file: BinaryIO


class Claim:
    """What one packing has put there or relies on, until a manifest or a release says so."""

    def __init__(self) -> None:
        self.digests: set[str] = set()
        self.unfinished: set[Path] = set()


class Shelf:
    """Several threads may use it at once; only files that look like its own are ever touched."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._claims: list[Claim] = []
        self._spared: set[str] = set()

    @contextmanager
    def packing(self) -> Iterator[Claim]:
        """Whatever is claimed meanwhile stays; on an error, what was begun goes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        claim = Claim()
        with self._lock:
            self._claims.append(claim)
        try:
            yield claim
            with self._lock:
                self._spared |= claim.digests
        finally:
            with self._lock:
                self._claims.remove(claim)
            for file in claim.unfinished:
                file.unlink(missing_ok=True)

    @contextmanager
    def unfinished(self, claim: Claim) -> Iterator[tuple[Path, IO[bytes]]]:
        """A new file, to be given its name by `finish`."""
        with self._lock:
            handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=self._folder)
            claim.unfinished.add(Path(name))
        with open(handle, "wb") as file:
            yield Path(name), file

    def finish(self, claim: Claim, unfinished: Path, file: IO[bytes], digest: str, *, manifest: bool = False) -> None:
        """Survives a power loss."""
        file.flush()
        os.fsync(file.fileno())
        with self._lock:
            claim.digests.add(digest)
            unfinished.rename(self._folder / f"{digest}{_MANIFEST if manifest else _ARCHIVE}")
        self._sync()

    def has(self, claim: Claim, digest: str) -> bool:
        """Whether that part is there; then it stays until the claim ends."""
        with self._lock:
            found = _DIGEST.fullmatch(digest) is not None and (self._folder / f"{digest}{_ARCHIVE}").is_file()
            if found:
                claim.digests.add(digest)
        return found

    def seen_file(self, memory: str, at: str) -> Path:
        name = hashlib.sha256(os.fsencode(f"{memory}\0{at}")).hexdigest()
        return self._folder / f"{name}{_SEEN}"

    def keep_seen(self, claim: Claim, file: Path, content: bytes) -> None:
        """Need not survive a power loss: what cannot be read is forgotten."""
        with self.unfinished(claim) as (unfinished, opened):
            opened.write(content)
            opened.flush()
            unfinished.rename(file)

    @contextmanager
    def opened(self, digest: str) -> Iterator[list[OpenPart]]:
        """All of them at once, so that none can go meanwhile. NotFound, BadArtifact."""
        if not _DIGEST.fullmatch(digest):
            raise NotFound(f"{digest[:80]!r} is not the digest of an artifact.")
        with ExitStack() as files:
            try:
                parts = [
                    OpenPart(at, part, files.enter_context(open(self._folder / f"{part}{_ARCHIVE}", "rb")))
                    for at, part in self._pieces(digest)
                ]
            except FileNotFoundError:
                raise NotFound(f"The artifact {digest[:12]} is not kept any more; deploy the app again.") from None
            yield parts

    def keep_only(self, digests: set[str]) -> int:
        """What was packed since the last time is spared once: the release that needs it may not be noted yet."""
        with self._lock:
            kept = digests | self._spared
            self._spared = set()
            kept = kept.union(
                *(self._parts(digest) for digest in kept if _DIGEST.fullmatch(digest)),
                *(claim.digests for claim in self._claims),
            )
            being_written = {file for claim in self._claims for file in claim.unfinished}
            gone = [file for file in self._folder.glob("*") if self._is_stale(file, kept, being_written)]
            freed = sum(file.stat().st_size for file in gone)
            for file in gone:
                file.unlink()
        return freed

    def _pieces(self, digest: str) -> list[tuple[str, str]]:
        """Where each part belongs, and its name. An artifact without a manifest is one part, named for its own hash."""
        try:
            text = (self._folder / f"{digest}{_MANIFEST}").read_bytes()
        except FileNotFoundError:
            return [("", digest)]
        return [(piece.at, piece.digest) for piece in read_manifest(digest, text).parts]

    def _parts(self, digest: str) -> set[str]:
        """None of an artifact that cannot be used any more."""
        with suppress(BadArtifact):
            return {part for _, part in self._pieces(digest)}
        return set()

    def _is_stale(self, file: Path, kept: set[str], being_written: set[Path]) -> bool:
        if file.name.startswith(UNFINISHED):
            return file not in being_written
        name, dot, ending = file.name.partition(".")
        if not _DIGEST.fullmatch(name):
            return False
        if dot + ending == _SEEN:
            return (seen := read_seen(file)) is None or seen.part not in kept
        return dot + ending in (_ARCHIVE, _MANIFEST) and name not in kept

    def _sync(self) -> None:
        """Makes the new name survive a power loss."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
