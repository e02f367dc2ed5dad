"""All processes of one instance, however they were forked: finds, signals and outlives them."""

import asyncio
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from deployd.domain.errors import ProviderUnavailable
from deployd.domain.instance import Instance
from deployd.kernel.clock import Clock
from deployd.limits.cgroup import Group
from deployd.runtimes import procfs
from deployd.runtimes.command import mark


class Member(NamedTuple):
    pid: int
    started: int


class Crew:
    """A process belongs to an instance when it carries its mark, sits in its control group or in its session.

    The session counts while its leader is there to prove that the number was not given to somebody else.
    """

    def __init__(self, instance: Instance, group: Group, clock: Clock) -> None:
        self._instance = instance
        self._group = group
        self._clock = clock
        self._mark = mark(instance.id)

    def members(self) -> list[Member]:
        grouped = self._group.pids()
        session = self._instance.pid if self._leads() else None
        found: list[Member] = []
        for pid in procfs.pids():
            stat = procfs.stat(pid)
            if stat is None or not stat.alive or pid == os.getpid():
                continue
            if stat.session == session or pid in grouped or self._mark in procfs.environ(pid):
                found.append(Member(pid, stat.started))
        return found

    async def terminate(self, grace_seconds: float) -> None:
        """SIGTERM to everyone, also to those forked meanwhile; returns when all are gone or the grace is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                while members := await asyncio.to_thread(self.members):
                    with _signalled(members, signal.SIGTERM) as descriptors:
                        for descriptor in descriptors:
                            await _readable(descriptor)

    def kill(self, within_seconds: float) -> None:
        """SIGKILL until nobody is left; for a thread. ProviderUnavailable when the kernel does not let one go."""
        deadline = self._clock.monotonic() + within_seconds
        while members := self.members():
            self._group.kill()
            with _signalled(members, signal.SIGKILL) as descriptors:
                if not self._all_ended(descriptors, deadline) or self._clock.monotonic() > deadline:
                    raise ProviderUnavailable(
                        f"Process {members[0].pid} of {self._instance.app} could not be killed "
                        f"within {within_seconds:g} s; see what it waits for with `ps -l {members[0].pid}`."
                    )

    def _leads(self) -> bool:
        """Also as a zombie: its number is not free yet."""
        if self._instance.pid is None:
            return False
        leader = procfs.stat(self._instance.pid)
        return leader is not None and leader.started == self._instance.pid_started

    def _all_ended(self, descriptors: list[int], deadline: float) -> bool:
        for descriptor in descriptors:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            left_ms = max(0.0, deadline - self._clock.monotonic()) * 1000
            if not poll.poll(left_ms):
                return False
        return True


@contextmanager
def _signalled(members: list[Member], number: signal.Signals) -> Iterator[list[int]]:
    """Sends the signal to exactly those processes; gives a pidfd of each, which is readable when it has ended."""
    descriptors: list[int] = []
    try:
        for member in members:
            descriptor = _open(member)
            if descriptor is not None:
                descriptors.append(descriptor)
                with suppress(ProcessLookupError, PermissionError):  # not ours to signal: waiting is all we can do
                    signal.pidfd_send_signal(descriptor, number)
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _open(member: Member) -> int | None:
    """None when the process has gone, even if its pid is in use again."""
    try:
        descriptor = os.pidfd_open(member.pid)
    except ProcessLookupError:
        return None
    stat = procfs.stat(member.pid)
    if stat is None or stat.started != member.started:
        os.close(descriptor)
        return None
    return descriptor


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
