"""Gives a build step a network of its own that leads to the world, but neither to what listens on this host's loopback
nor to where clouds hand a machine its credentials."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import msgspec

from deployd.builders.sandbox import SEARCH_PATH
from deployd.child import DEVNULL, Child
from deployd.domain.errors import BuildFailed
from deployd.pipes import open_pipe, reading

RESOLV_CONF = b"nameserver 10.0.2.3\n"
"""slirp4netns answers there, asking the resolver of this host."""

_SECONDS = 10.0
_THERE = b"there\n"
_TCP_AND_UDP = (6, 17)
"""By number: a host without /etc/protocols (netbase) does not know their names."""
_METADATA = "169.254.0.0/16"
"""Link-local: a cloud's metadata service. Its IPv6 address (fd00:ec2::254) is out of reach, as all of IPv6 is."""
_HOLD = ("sh", "-c", 'printf "%s\\n" "$@" | ip -batch - 2>&1 || exit; echo there; read -r _', "sh")
_SLIRP = (
    "slirp4netns",
    "--configure",
    "--mtu=65520",
    "--disable-host-loopback",
    "--enable-seccomp",
    "--exit-fd=0",
)
NEEDED = {_SLIRP[0]: _SLIRP[0], "ip": "iproute2"}
_AS_ROOT = ("--enable-sandbox",)
"""It leaves root's rights and files behind, which whoever has none of them cannot do."""

_CHATTER = ("WARNING", "*", "Starting")


BuildNetwork = Literal["auto", "isolated", "host"]


class Network(msgspec.Struct, frozen=True):
    """`entry` are nsenter's arguments; good as long as the process is there that holds it."""

    entry: tuple[str, ...]


class NotIsolated(BuildFailed):
    """`reason` is why there is no network for builds alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "Builds are to be isolated from this host's network, but "
            f'{reason}; mend that, or set build_network = "host" under [deploy].'
        )
        self.reason = reason


async def why_not_isolated(closed: Sequence[range] = ()) -> str | None:
    """Tries it; None when it works."""
    try:
        async with isolated_network(closed):
            return None
    except NotIsolated as error:
        return error.reason
    except OSError as error:
        return str(error)


@asynccontextmanager
async def isolated_network(closed: Sequence[range] = ()) -> AsyncIterator[Network]:
    """NotIsolated when there can be none. What it runs ends with this process, however that ends.

    The ports in `closed` are out of reach at this host's other addresses, too, where an app may listen that only its
    proxy is meant to talk to.
    """
    for program, package in NEEDED.items():
        if shutil.which(program, path=SEARCH_PATH) is None:
            raise NotIsolated(f"{package} is not installed")
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(_SECONDS):
                network = await _open(stack, closed)
        except TimeoutError:
            raise NotIsolated("slirp4netns does not get ready") from None
        yield network


async def _open(stack: AsyncExitStack, closed: Sequence[range]) -> Network:
    as_root = os.geteuid() == 0
    user = () if as_root else ("--user", "--map-current-user", "--keep-caps")  # For `ip`; who enters has none.
    way_out, way_in = open_pipe()
    reader = await stack.enter_async_context(reading(way_out))
    argv = ["unshare", *user, "--net", "--", *_HOLD, *_rules(closed)]
    with way_in:
        holder = await stack.enter_async_context(_running(argv, stdout=way_in.fileno()))
    if (said := await reader.readline()) != _THERE:
        complaint = said.decode(errors="replace").strip()
        raise NotIsolated(
            f"`ip` cannot set it up ({complaint})" if complaint else "this host lets nobody make a network namespace"
        )
    await _connect(stack, holder.pid)
    spaces = (f"--net=/proc/{holder.pid}/ns/net",)
    return Network(spaces if as_root else (f"--user=/proc/{holder.pid}/ns/user", "--preserve-credentials", *spaces))


def _rules(closed: Sequence[range]) -> list[str]:
    """For `ip`. Who runs in the network may not change them."""
    return [
        f"route add prohibit {_METADATA}",
        *(
            f"rule add to {address} ipproto {protocol} dport {ports.start}-{ports.stop - 1} prohibit"
            for address in own_addresses()
            for ports in closed
            for protocol in _TCP_AND_UDP
        ),
    ]


def own_addresses() -> list[str]:
    """Besides loopback's."""
    import psutil  # A start need not wait for it.

    return sorted(
        one.address
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family is socket.AF_INET and not one.address.startswith("127.")
    )


async def _connect(stack: AsyncExitStack, pid: int) -> None:
    """Until slirp4netns says that the network is there."""
    said = stack.enter_context(os.fdopen(os.memfd_create("slirp4netns"), "rb"))
    way_out, way_in = open_pipe()
    reader = await stack.enter_async_context(reading(way_out))
    with way_in:
        argv = [*_SLIRP, *(_AS_ROOT if os.geteuid() == 0 else ()), f"--ready-fd={way_in.fileno()}", str(pid), "tap0"]
        told = said.fileno()
        await stack.enter_async_context(_running(argv, stdout=told, stderr=told, pass_fds=(way_in.fileno(),)))
    if not await reader.read(1):
        said.seek(0)
        lines = [line.strip() for line in said.read(2000).decode("utf-8", "replace").splitlines()]
        reasons = [line for line in lines if line and not line.startswith(_CHATTER)]
        raise NotIsolated(f"slirp4netns does not work here ({'; '.join(reasons)})")


@asynccontextmanager
async def _running(
    argv: Sequence[str], stdout: int, stderr: int = DEVNULL, pass_fds: Sequence[int] = ()
) -> AsyncIterator[Child]:
    """Its stdin closes with this process, which both programs take as their end; killed here."""
    theirs, ours = open_pipe()
    with ours:
        with theirs:
            process = Child(
                argv,
                env={"PATH": SEARCH_PATH},
                folder="/",
                stdin=theirs,
                stdout=stdout,
                stderr=stderr,
                pass_fds=pass_fds,
                own_session=False,
            )
        try:
            yield process
        finally:
            process.kill()
            await process.wait()
