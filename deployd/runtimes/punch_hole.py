"""Gives the disk blocks of a part of a file back while the file keeps its size and offsets."""

import ctypes
import errno
import os

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM})

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = _libc.fallocate64 if hasattr(_libc, "fallocate64") else _libc.fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def punch_hole(descriptor: int, start: int, end: int) -> bool:
    """Frees the blocks between those offsets, the last one only if whole; False when the file system cannot.

    What shares the first block lies before `start` and so is done with.
    """
    block = os.fstat(descriptor).st_blksize
    start, end = start // block * block, end // block * block
    if end <= start:
        return True
    if _fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, start, end - start) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code))
