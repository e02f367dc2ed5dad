"""What a process gives up before it looks at a stranger's files: time, memory, and everything but reading them."""

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deployd.program import is_single_file

CPU_SECONDS = 10
SECONDS = 60.0
MEMORY_BYTES = 768 << 20

_libc = ctypes.CDLL(None, use_errno=True)
_DIE_WITH_PARENT, _NO_NEW_PRIVS = 1, 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on every architecture."""

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_MOST_FILE_RIGHTS = 16
_TCP = 0b11
_SCOPES = 0b11
"""Abstract unix sockets and signals of others."""


def limit(cpu_seconds: int = CPU_SECONDS, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
    """What is over them dies by a signal, or gets a MemoryError. Nothing can be written, and no program started."""
    _libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def landlock() -> int:
    """The version of it that this kernel has; 0 or less for none."""
    return int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def only_read(project: Path) -> bool:
    """From now on this process reads below `project` and its own modules, and nothing else of this host.

    False where the kernel has no Landlock: the limits hold all the same.
    """
    if (abi := landlock()) < 1:
        return False
    ruleset = _libc.syscall(_CREATE_RULESET, attributes := _attributes(abi), ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    for folder in (project, *_own_folders()):
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", _READ_FILE | _READ_DIR, descriptor)
        _libc.syscall(_ADD_RULE, ruleset, 1, rule, 0)
        os.close(descriptor)
    _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = _libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return bool(done)


def _attributes(abi: int) -> bytes:
    """All rights that this kernel knows: what is not named here stays allowed."""
    files = (1 << _FILE_RIGHTS.get(abi, _MOST_FILE_RIGHTS)) - 1
    parts = [files, *([_TCP] if abi >= 4 else []), *([_SCOPES] if abi >= 6 else [])]
    return struct.pack(f"={len(parts)}Q", *parts)


def _own_folders() -> Sequence[Path]:
    """Where modules come from that are loaded at their first use."""
    own = Path(__file__).resolve().parents[2]
    folders = [own, Path(os.__file__).resolve().parent, Path(msgspec.__file__).resolve().parent.parent]
    if is_single_file():  # Most modules are inside of the program itself.
        folders.append(Path(sys.executable).parent)
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
