"""The steps that installing consists of. Each says what it does, whether that is so already, and does it."""

import filecmp
import grp
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from deployd.domain.errors import DeploydError
from deployd.runtimes.command import MARK

_COMMAND_SECONDS = 150.0
_GRACE_SECONDS = 10.0
_INTERVAL_SECONDS = 0.1


class StepFailed(DeploydError):
    """What was done before it stays done: the same command can be given again."""


class Step(Protocol):
    @property
    def sentence(self) -> str: ...

    def is_done(self) -> bool: ...

    def take(self) -> None:
        """StepFailed or OSError when it cannot be."""


class SystemUser(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    home: Path

    @property
    def sentence(self) -> str:
        return f"Add the system user {self.name} (home {self.home}, no login)."

    def is_done(self) -> bool:
        return _exists(self.name)

    def take(self) -> None:
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", str(self.home)]
        run(["useradd", *options, "--shell", "/usr/sbin/nologin", self.name])


class NoUser(msgspec.Struct, frozen=True, kw_only=True):
    name: str

    @property
    def sentence(self) -> str:
        return f"Remove the system user {self.name}."

    def is_done(self) -> bool:
        return not _exists(self.name)

    def take(self) -> None:
        run(["userdel", self.name])


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    path: Path
    mode: int
    owner: str = "root"
    group: str = "root"

    @property
    def sentence(self) -> str:
        return f"Make the folder {self.path} ({self.mode:04o} {self.owner}:{self.group})."

    def is_done(self) -> bool:
        return self.path.is_dir() and _belongs(self.path, self.mode, self.owner, self.group)

    def take(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        _give(self.path, self.mode, self.owner, self.group)


class TextFile(msgspec.Struct, frozen=True, kw_only=True):
    """With `keep` a file that is there is somebody's work: only its owner and mode are set."""

    path: Path
    text: str
    mode: int
    group: str = "root"
    keep: bool = False

    @property
    def sentence(self) -> str:
        return f"Write {self.path} ({self.mode:04o} root:{self.group})."

    def is_done(self) -> bool:
        if not self.path.is_file() or not _belongs(self.path, self.mode, "root", self.group):
            return False
        return self.keep or self.path.read_text(encoding="utf-8") == self.text

    def take(self) -> None:
        if not (self.keep and self.path.exists()):
            new = self.path.with_name(f".{self.path.name}.new")
            new.write_text(self.text, encoding="utf-8")
            _give(new, self.mode, "root", self.group)
            new.replace(self.path)
        _give(self.path, self.mode, "root", self.group)


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The single file, put in place in one move. What it replaces is kept as `previous`."""

    source: Path
    target: Path
    previous: Path

    @property
    def sentence(self) -> str:
        return f"Copy {self.source} to {self.target}."

    def is_done(self) -> bool:
        if not self.target.is_file() or not self.target.stat().st_mode & 0o111:
            return False
        return self.source.samefile(self.target) or filecmp.cmp(self.source, self.target, shallow=False)

    def take(self) -> None:
        new = self.target.with_name(f".{self.target.name}.new")
        shutil.copyfile(self.source, new)
        new.chmod(0o755)
        with new.open("rb") as written:
            os.fsync(written.fileno())
        if self.target.exists():
            with suppress(FileNotFoundError):
                self.previous.unlink()
            os.link(self.target, self.previous)
        new.replace(self.target)


class Unpacked(msgspec.Struct, frozen=True, kw_only=True):
    """The single file unpacks itself where all users can read it and only root can write."""

    program: Path
    into: Path

    @property
    def sentence(self) -> str:
        return f"Unpack {self.program} in {self.into}."

    def is_done(self) -> bool:
        return self.program.is_file() and (self.into / packed_name(self.program) / "deployd").is_file()

    def take(self) -> None:
        run([str(self.program), "--help"], env={"DEPLOYD_UNPACK": str(self.into)})


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """Runs with what was written before it: a service that runs already is handed over without a failed request."""

    unit: str

    @property
    def sentence(self) -> str:
        return f"Enable and start {self.unit} (one that runs is reloaded)."

    def is_done(self) -> bool:
        return all(_says_yes(["systemctl", "--quiet", verb, self.unit]) for verb in ("is-enabled", "is-active"))

    def take(self) -> None:
        run(["systemctl", "daemon-reload"])
        if self.is_done():
            run(["systemctl", "reload", self.unit])
        else:
            run(["systemctl", "enable", "--now", self.unit])


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    units: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return f"Stop and disable {', '.join(self.units)}."

    def is_done(self) -> bool:
        return not any(
            _says_yes(["systemctl", "--quiet", verb, unit])
            for unit in self.units
            for verb in ("is-enabled", "is-active")
        )

    def take(self) -> None:
        for unit in self.units:
            if _says_yes(["systemctl", "cat", unit]):
                run(["systemctl", "disable", "--now", unit])


class ProcessesEnded(msgspec.Struct, frozen=True, kw_only=True):
    """`daemon` is the pid of a deployd that runs without systemd; apps are known by a variable of their environment."""

    daemon: int | None

    @property
    def sentence(self) -> str:
        return "End deployd and the apps it runs." if self.daemon else "End the apps it runs."

    def is_done(self) -> bool:
        return not self._left()

    def take(self) -> None:
        if self.daemon is not None:  # First: it would start again the apps that end before it does.
            self._end(lambda: [self.daemon] if self.daemon and Path(f"/proc/{self.daemon}/exe").exists() else [])
        self._end(instance_pids)

    def _left(self) -> Sequence[int]:
        alive = [self.daemon] if self.daemon and Path(f"/proc/{self.daemon}").exists() else []
        return [*alive, *instance_pids()]

    def _end(self, living: "Living") -> None:
        for number, seconds in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, _GRACE_SECONDS)):
            for pid in living():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            give_up = time.monotonic() + seconds
            while living() and time.monotonic() < give_up:
                time.sleep(_INTERVAL_SECONDS)
        if left := living():
            raise StepFailed(f"These processes do not end: {', '.join(map(str, left))}.")


class Living(Protocol):
    def __call__(self) -> Sequence[int]: ...


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or a folder with all that is in it."""

    path: Path

    @property
    def sentence(self) -> str:
        return f"Remove {self.path}."

    def is_done(self) -> bool:
        return not self.path.exists() and not self.path.is_symlink()

    def take(self) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink()


class UnitsRead(msgspec.Struct, frozen=True, kw_only=True):
    """After a unit file was taken away."""

    unit: Path

    @property
    def sentence(self) -> str:
        return "Have systemd read its units again."

    def is_done(self) -> bool:
        return not _says_yes(["systemctl", "cat", self.unit.name])

    def take(self) -> None:
        run(["systemctl", "daemon-reload"])


def packed_name(program: Path) -> str:
    """The folder that a single file unpacks to, as its first lines say; empty when it is none of ours."""
    with program.open("rb") as file:
        head = file.read(4096).split(b"\n")
    return next((line[3:].decode("ascii", "replace") for line in head if line.startswith(b"id=")), "")


def instance_pids() -> list[int]:
    entry, found = f"{MARK}=".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(one.startswith(entry) for one in (folder / "environ").read_bytes().split(b"\0")):
                found.append(int(folder.name))
    return found


def run(argv: Sequence[str], env: Mapping[str, str] | None = None, seconds: float = _COMMAND_SECONDS) -> str:
    """What it printed. StepFailed with its own words when it fails."""
    words = " ".join(argv)
    given = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **(env or {})}
    try:
        answer = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=given,
        )
    except OSError as error:
        raise StepFailed(f"`{words}` could not be started: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"`{words}` did not end within {seconds:g} s.") from error
    if answer.returncode != 0:
        said = (answer.stderr.strip() or answer.stdout.strip()).splitlines()
        raise StepFailed(f"`{words}` failed: {said[-1] if said else f'exit code {answer.returncode}'}")
    return answer.stdout


def _says_yes(argv: Sequence[str]) -> bool:
    try:
        run(argv)
    except StepFailed:
        return False
    return True


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _belongs(path: Path, mode: int, owner: str, group: str) -> bool:
    state = path.stat()
    try:
        ids = (pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
    except KeyError:
        return False
    return (state.st_uid, state.st_gid) == ids and state.st_mode & 0o7777 == mode


def _give(path: Path, mode: int, owner: str, group: str) -> None:
    shutil.chown(path, owner, group)
    path.chmod(mode)
