"""Keeps artifacts as files in a folder of this machine, each named for the SHA-256 of its content."""

import errno
import posixpath
import shutil
from collections.abc import Collection
from pathlib import Path

import msgspec

from deployd.adapters.local_artifacts.manifest import Manifest, Piece, write_manifest
from deployd.adapters.local_artifacts.memory import Seen, looks_of, read_seen, remember, same_content
from deployd.adapters.local_artifacts.packing import pack
from deployd.adapters.local_artifacts.shelf import UNFINISHED, Claim, Shelf
from deployd.adapters.local_artifacts.tar_blocks import BadArtifact
from deployd.adapters.local_artifacts.tree import SYSTEM_FOLDERS, EscapingLink, Part, check_links, parts_of
from deployd.adapters.local_artifacts.unpacking import Unpacking, digest_of
from deployd.domain.errors import BuildFailed, StartFailed
from deployd.kernel.in_thread import Check, in_thread

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class LocalArtifacts:
    """`links_to` are the folders outside an artifact that its links may point into, each ending with a slash."""

    def __init__(self, folder: Path, links_to: tuple[str, ...] = SYSTEM_FOLDERS) -> None:
        self._shelf = Shelf(folder)
        self._links_to = links_to

    async def pack(self, folder: Path, apart: Collection[str] = (), memory: str = "") -> str:
        """BuildFailed when the project holds a link that leads out of it, or the disk is full."""
        names = frozenset(posixpath.normpath(name) for name in apart)
        return await in_thread(lambda check: self._pack(folder, names, memory, check))

    async def unpack(self, digest: str, folder: Path) -> None:
        """StartFailed when the artifact is damaged; NotFound when it is not kept."""
        await in_thread(lambda check: self._unpack(digest, folder, check))

    async def keep_only(self, digests: set[str]) -> int:
        return await in_thread(lambda check: self._shelf.keep_only(digests))

    def _pack(self, folder: Path, apart: frozenset[str], memory: str, check: Check) -> str:
        if folder.is_symlink():
            raise BuildFailed(f"The build cannot be packed: {folder.name} is a link, not a folder.")
        try:
            with self._shelf.packing() as claim:
                parts = parts_of(str(folder), apart, check)
                for part in parts:
                    check_links(part, self._links_to)
                pieces = [Piece(at=part.at, digest=self._pack_part(claim, part, memory, check)) for part in parts]
                return (
                    pieces[0].digest if len(pieces) == 1 else self._put_manifest(claim, Manifest(parts=tuple(pieces)))
                )
        except EscapingLink as error:
            raise BuildFailed(f"The build cannot be packed: {error}.") from error
        except OSError as error:
            where = "" if error.filename is None else f" ({error.filename})"
            raise BuildFailed(f"The build cannot be packed: {_reason(error)}{where}.") from error

    def _pack_part(self, claim: Claim, part: Part, memory: str, check: Check) -> str:
        """The rest of the whole is what every build makes anew: only the parts are worth remembering."""
        if not memory or not part.at:
            return self._put_part(claim, part, check)[0]
        file, looks = self._shelf.seen_file(memory, part.at), looks_of(part)
        seen = read_seen(file)
        if seen is not None and self._shelf.has(claim, seen.part):
            if seen.looks == looks:
                return seen.part
            if fresh := same_content(seen, part, looks, check):
                self._keep_seen(claim, file, fresh)
                return fresh.part
        digest, contents = self._put_part(claim, part, check)
        self._keep_seen(claim, file, remember(part, looks, contents, digest))
        return digest

    def _put_part(self, claim: Claim, part: Part, check: Check) -> tuple[str, dict[str, bytes]]:
        with self._shelf.unfinished(claim) as (unfinished, file):
            packed = pack(part, file, check)
            self._shelf.finish(claim, unfinished, file, packed.digest)
        return packed.digest, packed.contents

    def _put_manifest(self, claim: Claim, manifest: Manifest) -> str:
        digest, text = write_manifest(manifest)
        with self._shelf.unfinished(claim) as (unfinished, file):
            file.write(text)
            self._shelf.finish(claim, unfinished, file, digest, manifest=True)
        return digest

    def _keep_seen(self, claim: Claim, file: Path, seen: Seen) -> None:
        self._shelf.keep_seen(claim, file, msgspec.msgpack.encode(seen))

    def _unpack(self, digest: str, folder: Path, check: Check) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise StartFailed(f"The release cannot be unpacked: {folder} is not empty.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Named for what it becomes, so that the next attempt clears what a crash left.
        unfinished = folder.with_name(UNFINISHED + folder.name)
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir(mode=0o755)
            self._write_into(unfinished, digest, check)
            check()
            unfinished.rename(folder)
        except (BadArtifact, EscapingLink) as error:
            raise StartFailed(f"The artifact {digest[:12]} cannot be used: {error}. Deploy the app again.") from error
        except OSError as error:
            raise StartFailed(f"The artifact {digest[:12]} cannot be unpacked: {_reason(error)}.") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _write_into(self, unfinished: Path, digest: str, check: Check) -> None:
        unpacking = Unpacking(str(unfinished), self._links_to, check)
        with self._shelf.opened(digest) as parts:
            for part in parts:
                if digest_of(part.file, check) != part.digest:
                    raise BadArtifact("its content does not match its digest")
                part.file.seek(0)
                unpacking.add(part.file, part.at)


def _reason(error: OSError) -> str:
    if error.errno in _DISK_FULL:
        return "the disk is full, free some space on it"
    return error.strerror or str(error)
