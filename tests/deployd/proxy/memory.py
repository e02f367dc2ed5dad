"""Connections without sockets: a client's bytes go straight into the proxy, and what it does is kept."""

import asyncio
from collections.abc import Iterator
from typing import Any

from deployd.domain.edge import EdgeSettings, Reuse
from deployd.domain.route import Address, Route
from deployd.proxy.plane import Plane
from deployd.proxy.protocol import ClientConnection
from deployd.proxy.upstream import UpstreamConnection
from tests.deployd.proxy.rig import APP, HOSTS, Bench


class MemoryTransport(asyncio.Transport):
    """What is written is kept in `written`; closing takes effect at once, as on a fast network."""

    def __init__(self, protocol: asyncio.Protocol, address: str) -> None:
        super().__init__({"peername": (address, 40_000)})
        self.protocol: Any = protocol
        self.written = bytearray()
        self.reading = True
        self.ended = False
        self.unsent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.ended:
            self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.ended

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...

    def close(self) -> None:
        """With `unsent` bytes it stays until those are gone."""
        if not self.ended:
            self.ended = True
            if not self.unsent:
                self.protocol.connection_lost(None)

    def abort(self) -> None:
        if not self.ended or self.unsent:
            self.ended, self.unsent = True, 0
            self.protocol.connection_lost(None)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class MemoryClient:
    def __init__(self, plane: Plane, address: str = "198.51.100.7") -> None:
        self.connection = ClientConnection(plane)
        self.transport = MemoryTransport(self.connection, address)
        self.connection.connection_made(self.transport)

    @property
    def answers(self) -> bytes:
        return bytes(self.transport.written)

    @property
    def is_open(self) -> bool:
        return not self.transport.ended

    def send(self, *pieces: bytes) -> None:
        """As much of it as the proxy wants to read."""
        for piece in pieces:
            if self.transport.ended or not self.transport.reading:
                return
            self.transport.protocol.data_received(piece)

    def leave(self) -> None:
        self.transport.abort()


class MemoryApp:
    """An idle pooled connection to the app's first target: the next exchange is given to it, and we play the app."""

    def __init__(self, plane: Plane, host: bytes = b"app.test") -> None:
        service = plane.table.find(host)
        assert service is not None
        self.target = service.targets[0]
        self.connection = UpstreamConnection(plane, self.target)
        self.transport = MemoryTransport(self.connection, "127.0.0.1")
        self.connection.connection_made(self.transport)
        self.connection.idle_since = plane.loop.time()
        self.target.give_back(self.connection, plane.limits)

    @property
    def asked(self) -> bytes:
        return bytes(self.transport.written)

    @property
    def is_usable(self) -> bool:
        return not self.transport.ended

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            if piece and not self.transport.ended:
                self.transport.protocol.data_received(piece)

    def leave(self, error: Exception | None = None) -> None:
        if not self.transport.ended:
            self.transport.ended = True
            self.transport.protocol.connection_lost(error)


def plane_of(bench: Bench) -> Plane:
    return bench.proxy._plane


def routed(bench: Bench) -> Plane:
    """The app has one target, at which nobody listens; connections to it are made by MemoryApp."""
    bench.proxy.switch(
        Route(
            app=APP,
            hosts=HOSTS,
            release=1,
            targets=(Address(host="127.0.0.1", port=1),),
            edge=EdgeSettings(reuse=Reuse.AGGRESSIVE),
        )
    )
    return plane_of(bench)


def cuts(wire: bytes) -> Iterator[tuple[bytes, ...]]:
    """The same bytes whole, one by one, and in two parts at every offset."""
    yield (wire,)
    yield tuple(wire[at : at + 1] for at in range(len(wire)))
    for at in range(1, len(wire)):
        yield wire[:at], wire[at:]
