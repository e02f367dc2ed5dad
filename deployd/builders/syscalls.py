"""The filter of system calls that reach past a sandbox and that no build step needs: those of the kernel's keyrings."""

import platform
import struct

_LOAD, _IF_EQUAL, _ANSWER = 0x20, 0x15, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0001
"""Refused calls fail with EPERM."""

_X32 = 0x4000_0000
_KEYRING_CALLS: dict[str, dict[int, tuple[int, ...]]] = {
    "x86_64": {0xC000_003E: (248, 249, 250, 248 | _X32, 249 | _X32, 250 | _X32), 0x4000_0003: (286, 287, 288)},
    "aarch64": {0xC000_00B7: (217, 218, 219), 0x4000_0028: (309, 310, 311)},
}
"""The numbers of add_key, request_key and keyctl in each architecture (as the kernel audits it) of a machine."""


def keyring_filter(machine: str = platform.machine()) -> bytes:
    """For seccomp. Keys belong to sessions and users, not to a namespace: a step would see those of deployd's session.

    Where the numbers are not known nothing is refused.
    """
    blocks = [_block(architecture, numbers) for architecture, numbers in _KEYRING_CALLS.get(machine, {}).items()]
    return b"".join([*blocks, _statement(_ANSWER, _ALLOW)])


def _block(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """Answers all calls of this architecture, and passes others on to what follows."""
    count = len(numbers)
    checks = [_jump(number, count - place, 0) for place, number in enumerate(numbers)]
    inner = [_statement(_LOAD, _NUMBER), *checks, _statement(_ANSWER, _ALLOW), _statement(_ANSWER, _REFUSE)]
    return b"".join([_statement(_LOAD, _ARCHITECTURE), _jump(architecture, 0, len(inner)), *inner])


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(value: int, if_so: int, if_not: int) -> bytes:
    return struct.pack("=HBBI", _IF_EQUAL, if_so, if_not, value)
