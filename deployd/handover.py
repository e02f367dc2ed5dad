"""From one deployd to the next: listening sockets and lock go to the new process, the old one drains and leaves."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from deployd.domain.errors import DeploydError
from deployd.program import own_command

LINK = "DEPLOYD_HANDOVER"
"""The variable that tells a new process the descriptor of its end of the link."""

_READY_SECONDS = 60.0
_SERVING_SECONDS = 60.0
_TAKE_SECONDS = 120.0
_MOST_SOCKETS = 16
_CHUNK = 1 << 16


class Heir:
    """The new process, as the old one sees it."""

    def __init__(self, process: asyncio.subprocess.Process, link: socket.socket) -> None:
        self._process = process
        self._link = link

    @classmethod
    async def start(cls, config: Path, environ: Mapping[str, str]) -> "Heir":
        """Returns once it has read its configuration and loaded its code. DeploydError when it did not get there."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            command = (*own_command(environ), "serve", "--config", str(config))
            env = {**environ, LINK: str(theirs.fileno())}
            process = await asyncio.create_subprocess_exec(*command, env=env, pass_fds=(theirs.fileno(),))
        heir = cls(process, ours)
        if not await heir._hears(b"ready", _READY_SECONDS):
            await heir.dismiss()
            raise DeploydError("The new process did not get ready; what it wrote says why. This one goes on.")
        return heir

    @property
    def pid(self) -> int:
        return self._process.pid

    async def take(self, lock: int, doors: Sequence[socket.socket]) -> bool:
        """Whether it serves now. From the call on nothing else may accept from the doors or use the data folder."""
        socket.send_fds(self._link, [b"take"], [lock, *(door.fileno() for door in doors)])
        return await self._hears(b"serving", _SERVING_SECONDS)

    async def tell(self, data: bytes) -> None:
        """Something of the old process that the new one has to keep."""
        await asyncio.get_running_loop().sock_sendall(self._link, data)

    async def dismiss(self) -> None:
        self._link.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    def leave(self) -> None:
        self._link.close()

    async def _hears(self, word: bytes, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().sock_recv(self._link, len(word)) == word
        except (TimeoutError, OSError):
            return False


class Legacy:
    """What the new process got from the old one."""

    def __init__(self, link: socket.socket, lock: int, doors: list[socket.socket]) -> None:
        self._link = link
        self.lock = lock
        self.doors = doors

    @classmethod
    def claim(cls, environ: Mapping[str, str]) -> "Legacy | None":
        """Waits until the old process has let go of everything; None when there is none. Blocks; DeploydError."""
        if LINK not in environ:
            return None
        link = socket.socket(fileno=int(environ[LINK]))
        os.set_inheritable(link.fileno(), False)
        link.settimeout(_TAKE_SECONDS)
        try:
            link.sendall(b"ready")
            word, passed, _, _ = socket.recv_fds(link, len(b"take"), _MOST_SOCKETS)
        except OSError as error:
            raise DeploydError("The deployd that started this one is gone; start deployd anew.") from error
        if word != b"take" or not passed:
            raise DeploydError("The deployd that started this one goes on itself.")
        for descriptor in passed:
            os.set_inheritable(descriptor, False)
        link.setblocking(False)
        return cls(link, passed[0], [socket.socket(fileno=descriptor) for descriptor in passed[1:]])

    async def serve(self) -> None:
        await asyncio.get_running_loop().sock_sendall(self._link, b"serving")

    async def told(self) -> AsyncIterator[bytes]:
        """What the old process sends, line by line, until it has left."""
        reader, writer = await asyncio.open_connection(sock=self._link, limit=_CHUNK * 16)
        try:
            while line := await reader.readline():
                yield line
        finally:
            writer.close()
