"""From one deployd to the next: listening sockets and lock go to the new process, the old one drains and leaves.

What is said on the link, a line each: `ready PID` by the new process, `take` by the old one with the descriptors,
`serving` by the new one, `main` by the old one once the service manager knows of the new one, then what it has to keep.
Until `take` the death of either ends the attempt and the old process is what serves; from then on the new one is.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deployd.child import Child
from deployd.domain.errors import DeploydError
from deployd.program import own_command

LINK = "DEPLOYD_HANDOVER"
"""The variable that tells a new process the descriptor of its end of the link."""

_READY_SECONDS = 60.0
_SERVING_SECONDS = 60.0
_TAKE_SECONDS = 120.0
_DISMISS_SECONDS = 10.0
_MOST_SOCKETS = 16
_LONGEST_WORD = 64
_CHUNK = 1 << 16
_TAKE = b"take\n"
_SERVING = b"serving\n"
_MAIN = b"main\n"


class Heir:
    """The new process, as the old one sees it."""

    def __init__(self, pid: int, handle: int, link: socket.socket) -> None:
        """`handle` is a pidfd: the process is not this one's child, so that its number may be given away again."""
        self.pid = pid
        self._handle = handle
        self._link = link

    @classmethod
    async def start(cls, config: Path, environ: Mapping[str, str]) -> "Heir":
        """Returns once it has read its configuration and loaded its code. DeploydError when it did not get there."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = (*own_command(environ), "serve", "--config", str(config))
            env = {**environ, LINK: str(theirs.fileno())}
            first = Child(
                command, env=env, stdin=None, stdout=None, stderr=None, pass_fds=[theirs.fileno()], own_session=False
            )
        try:
            return await cls.meet(ours)
        finally:
            with suppress(TimeoutError):  # It ends by itself after its fork, unless it never got to that.
                await asyncio.wait_for(first.wait(), _DISMISS_SECONDS)
            if not first.ended:
                first.kill()
                await first.wait()

    @classmethod
    async def meet(cls, link: socket.socket) -> "Heir":
        """DeploydError when what is at the other end of the link does not get ready."""
        link.setblocking(False)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                pid = _announced(await _line(link))
                return cls(pid, os.pidfd_open(pid), link)
        except asyncio.CancelledError:
            link.close()
            raise
        except (TimeoutError, OSError, ValueError) as error:
            link.close()
            raise DeploydError(
                "The new process did not get ready; what it wrote says why. This one goes on."
            ) from error

    async def take(self, lock: int, doors: Sequence[socket.socket]) -> bool:
        """Whether it serves now. From the call on nothing else may accept from the doors or use the data folder."""
        try:
            socket.send_fds(self._link, [_TAKE], [lock, *(door.fileno() for door in doors)])
            async with asyncio.timeout(_SERVING_SECONDS):
                return await _line(self._link) == _SERVING
        except (TimeoutError, OSError):
            return False

    async def named(self) -> None:
        """Tells it that the service manager, if there is one, takes it for the service."""
        with suppress(OSError):  # It was killed: whoever watches the service sees that.
            await self.tell(_MAIN)

    async def tell(self, data: bytes) -> None:
        """Something of the old process that the new one has to keep. OSError when it is gone."""
        await asyncio.get_running_loop().sock_sendall(self._link, data)

    def terminate(self) -> None:
        """Asks it to end as a service manager would."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGTERM)

    async def dismiss(self) -> None:
        """Returns when it is no more."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._handle, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), _DISMISS_SECONDS)
        except TimeoutError as error:
            raise DeploydError(f"The new process {self.pid} cannot be ended; start deployd anew.") from error
        finally:
            loop.remove_reader(self._handle)
            self.leave()

    def leave(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self._link.close()


class Legacy:
    """What the new process got from the old one."""

    def __init__(self, link: socket.socket, lock: int, doors: list[socket.socket], *, named: bool = False) -> None:
        """`named`: the service manager started this process itself, so that nobody has to tell it."""
        self._link = link
        self.lock = lock
        self.doors = doors
        self.named = named

    @classmethod
    def claim(cls, environ: Mapping[str, str], offer: Path) -> "Legacy | None":
        """Waits until the old process has let go of everything; None when there is none. Blocks; DeploydError.

        The old process started this one, or waits at the socket `offer` for any that a service manager starts.
        """
        link = _inherited(environ) if LINK in environ else _offered(offer)
        if link is None:
            return None
        link.settimeout(_TAKE_SECONDS)
        try:
            link.sendall(f"ready {os.getpid()}\n".encode())
            word, passed, _, _ = socket.recv_fds(link, len(_TAKE), _MOST_SOCKETS)
        except OSError as error:
            raise DeploydError("The deployd that this one was to follow is gone; start deployd anew.") from error
        if word != _TAKE or not passed:
            raise DeploydError("The deployd that this one was to follow goes on itself, or was ended.")
        for descriptor in passed:
            os.set_inheritable(descriptor, False)
        link.setblocking(False)
        doors = [socket.socket(fileno=descriptor) for descriptor in passed[1:]]
        return cls(link, passed[0], doors, named=LINK not in environ)

    async def serve(self) -> None:
        with suppress(OSError):  # It was killed after it had let go of everything, which changes nothing here.
            await asyncio.get_running_loop().sock_sendall(self._link, _SERVING)

    async def told(self) -> AsyncIterator[bytes]:
        """What the old process sends, line by line, until it has left."""
        reader, writer = await asyncio.open_connection(sock=self._link, limit=_CHUNK * 16)
        try:
            with suppress(ConnectionError):  # It was killed: half a line is none.
                while (line := await reader.readline()).endswith(b"\n"):
                    yield line
        finally:
            writer.close()


def names_main(line: bytes) -> bool:
    """Whether the old process says with it that the service manager takes this one for the service."""
    return line == _MAIN


def step_out(environ: Mapping[str, str]) -> None:
    """Gives this process to whoever adopts orphans, a service manager for one, when another deployd started it.

    systemd waits for no process but its own children: what is another's child it would kill at once instead of letting
    it finish. Call it before there is any thread.
    """
    if LINK in environ and os.fork():
        os._exit(0)


@contextmanager
def waiting_at(offer: Path) -> Iterator[socket.socket]:
    """A socket at which a process that nobody started from here asks for what this one holds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        offer.unlink(missing_ok=True)
        listener.bind(str(offer))
        try:
            offer.chmod(0o600)
            listener.listen(1)
            listener.setblocking(False)
            yield listener
        finally:
            offer.unlink(missing_ok=True)


def _inherited(environ: Mapping[str, str]) -> socket.socket:
    link = socket.socket(fileno=int(environ[LINK]))
    os.set_inheritable(link.fileno(), False)
    return link


def _offered(offer: Path) -> socket.socket | None:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(str(offer))
    except OSError:  # Nobody waits there, which is the rule.
        link.close()
        return None
    return link


def _announced(line: bytes) -> int:
    word, _, pid = line.partition(b" ")
    if word != b"ready":
        raise ValueError("not a word of the hand-over")
    return int(pid)


async def _line(link: socket.socket) -> bytes:
    """What was said before the other end had closed: half a line, or none, is for the caller to refuse."""
    said = b""
    while not said.endswith(b"\n") and len(said) < _LONGEST_WORD:
        piece = await asyncio.get_running_loop().sock_recv(link, _LONGEST_WORD)
        if not piece:
            return said
        said += piece
    return said
