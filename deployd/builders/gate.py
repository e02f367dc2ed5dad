"""Keeps what is in a new sandbox from starting until it has been put into its control group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO

import msgspec

from deployd.limits.cgroup import Group
from deployd.limits.oom_score import BUILD_SCORE, expose
from deployd.pipes import open_pipe, reading


class _Info(msgspec.Struct, frozen=True):
    child: int = msgspec.field(name="child-pid")


class Gate:
    """bwrap tells its child's pid to `info`, and the child reads from `block` before it runs anything of the build.

    To enter a group can take longer than to make a sandbox, since the kernel waits for all CPUs: so both is done at the
    same time.
    """

    def __init__(self, group: Group, reader: asyncio.StreamReader, info: IO[bytes], block: IO[bytes], key: IO[bytes]):
        self._group = group
        self._reader = reader
        self._info = info
        self._block = block
        self._key = key

    @property
    def info(self) -> int:
        return self._info.fileno()

    @property
    def block(self) -> int:
        return self._block.fileno()

    async def let_in(self, pid: int) -> None:
        """`pid` is bwrap's, just started. OSError when the group does not take it or its child."""
        self._info.close()
        self._block.close()
        await asyncio.to_thread(self._group.join, pid)
        told = await self._reader.read()
        if not told:
            return  # It ends by itself and says why.
        child = msgspec.json.decode(told, type=_Info).child
        expose(child, BUILD_SCORE)
        if not await asyncio.to_thread(self._group.join, child):
            raise OSError("its control group does not take it in")
        with suppress(BrokenPipeError):  # It has ended by itself and says why.
            self._key.write(b"\n")


@asynccontextmanager
async def gate(group: Group) -> AsyncIterator[Gate]:
    """What is behind it must have ended before this does: a gate that is gone stands open."""
    told, info = open_pipe()
    block, key = open_pipe()
    with info, block, key:
        async with reading(told) as reader:
            yield Gate(group, reader, info, block, key)
