"""Keeps artifacts as files in a folder of this machine, each named for the SHA-256 of its content."""

import asyncio
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

from deployd.adapters.local_artifacts.packing import pack
from deployd.adapters.local_artifacts.tree import SYSTEM_FOLDERS, EscapingLink
from deployd.adapters.local_artifacts.unpacking import BadArtifact, digest_of, unpack
from deployd.domain.errors import BuildFailed, NotFound, StartFailed

_SUFFIX = ".tar.zst"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = ".unfinished-"


class LocalArtifacts:
    """`links_to` are the folders outside an artifact that its links may point into."""

    def __init__(self, folder: Path, links_to: tuple[str, ...] = SYSTEM_FOLDERS) -> None:
        self._folder = folder
        self._links_to = links_to
        self._packing: set[Path] = set()
        self._naming = threading.Lock()

    async def pack(self, folder: Path) -> str:
        """BuildFailed when the project holds a link that leads out of it, or the disk is full."""
        return await asyncio.to_thread(self._pack, folder)

    async def unpack(self, digest: str, folder: Path) -> None:
        """StartFailed when the artifact is damaged; NotFound when it is not kept."""
        await asyncio.to_thread(self._unpack, digest, folder)

    async def keep_only(self, digests: set[str]) -> int:
        return await asyncio.to_thread(self._keep_only, digests)

    def _pack(self, folder: Path) -> str:
        if folder.is_symlink():
            raise BuildFailed(f"The build cannot be packed: {folder.name} is a link, not a folder.")
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._naming:
            handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=self._folder)
            unfinished = Path(name)
            self._packing.add(unfinished)
        try:
            with open(handle, "wb") as file:
                digest = pack(folder, file, self._links_to)
                file.flush()
                os.fsync(file.fileno())
            os.rename(unfinished, self._file(digest))
            self._sync_folder()
        except EscapingLink as error:
            raise BuildFailed(f"The build cannot be packed: {error}.") from error
        except OSError as error:
            raise BuildFailed(f"The build cannot be packed: {error.strerror or error} ({error.filename}).") from error
        finally:
            unfinished.unlink(missing_ok=True)
            self._packing.discard(unfinished)
        return digest

    def _unpack(self, digest: str, folder: Path) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise StartFailed(f"The release cannot be unpacked: {folder} is not empty.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Named for what it becomes, so that the next attempt clears what a crash left.
        unfinished = folder.with_name(_UNFINISHED + folder.name)
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir(mode=0o755)
            self._write_into(unfinished, digest)
            unfinished.rename(folder)
        except (BadArtifact, EscapingLink) as error:
            raise StartFailed(f"The artifact {digest[:12]} cannot be used: {error}. Deploy the app again.") from error
        except OSError as error:
            raise StartFailed(f"The artifact {digest[:12]} cannot be unpacked: {error.strerror or error}.") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _write_into(self, unfinished: Path, digest: str) -> None:
        try:
            file = open(self._file(digest), "rb")  # noqa: SIM115 the next line closes it
        except FileNotFoundError:
            raise NotFound(f"The artifact {digest[:12]} is not kept any more; deploy the app again.") from None
        with file:
            if digest_of(file) != digest:
                raise BadArtifact("its content does not match its digest")
            file.seek(0)
            unpack(file, unfinished, self._links_to)

    def _keep_only(self, digests: set[str]) -> int:
        """Only files that look like ours are touched, what a crash left unfinished among them."""
        freed = 0
        with self._naming:
            for file in set(self._folder.glob(f"{_UNFINISHED}*")) - self._packing:
                freed += file.stat().st_size
                file.unlink()
        for file in self._folder.glob(f"*{_SUFFIX}"):
            digest = file.name.removesuffix(_SUFFIX)
            if _DIGEST.fullmatch(digest) and digest not in digests:
                freed += file.stat().st_size
                file.unlink()
        return freed

    def _file(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise NotFound(f"{digest[:80]!r} is not the digest of an artifact.")
        return self._folder / f"{digest}{_SUFFIX}"

    def _sync_folder(self) -> None:
        """Makes the new name survive a power loss."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
