"""Makes what one command in a sandbox needs, and takes it away after: descriptors to read from, and mounts for root."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import msgspec

from deployd.builders import sandbox
from deployd.builders.gate import Gate
from deployd.builders.mounts import STAGE, Source, staged_mounts
from deployd.builders.network import RESOLV_CONF, Network
from deployd.builders.sandbox import Bind, Shape, User
from deployd.builders.syscalls import keyring_filter

_FILTER = keyring_filter()


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """`env` is all it gets; `before` stands before it inside the sandbox; the host's network where none is given."""

    step: str
    binds: Sequence[Bind]
    env: Mapping[str, str]
    tmp_bytes: int
    at: str = "."
    before: Sequence[str] = ()
    network: Network | None = None


class Enclosed(NamedTuple):
    argv: list[str]
    descriptors: tuple[int, ...]


@contextmanager
def enclosed(command: Command, gate: Gate, user: User | None) -> Iterator[Enclosed]:
    """Good until the command has ended. As root, `user` runs it; OSError when root may not make mounts."""
    entry = command.network.entry if command.network else ()
    with ExitStack() as stack:
        shape = _shape(stack, command, gate)
        descriptors = [shape.args, shape.filter, shape.info, shape.block, *shape.files.values()]
        if user is None:
            argv = sandbox.in_network(entry, sandbox.bwrap_argv(command.step, shape))
        else:
            mounts = stack.enter_context(staged_mounts([Source(bind.source, bind.file) for bind in command.binds]))
            descriptors.append(mounts)
            shape = msgspec.structs.replace(shape, binds=sandbox.staged(command.binds, STAGE))
            argv = sandbox.as_user(user, mounts, entry, sandbox.bwrap_argv(command.step, shape))
        yield Enclosed(argv, tuple(descriptors))


def _shape(stack: ExitStack, command: Command, gate: Gate) -> Shape:
    return Shape(
        binds=command.binds,
        links=sandbox.top_links(),
        args=_to_read(stack, sandbox.env_arguments(command.env)),
        filter=_to_read(stack, _FILTER),
        info=gate.info,
        block=gate.block,
        tmp_bytes=command.tmp_bytes,
        at=command.at,
        before=command.before,
        files=_files(stack, command.network),
    )


def _files(stack: ExitStack, network: Network | None) -> dict[str, int]:
    files = {}
    for path in sandbox.ETC_FILES:
        with suppress(OSError):
            files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, files[path])
    if network is not None:
        files[sandbox.RESOLV_CONF] = _to_read(stack, RESOLV_CONF)
    return files


def _to_read(stack: ExitStack, content: bytes) -> int:
    descriptor = os.memfd_create("deployd-build")
    stack.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
