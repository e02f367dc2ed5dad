"""A client's connection that speaks HTTP/2: frames to streams and back, within every bound that h2 leaves to us."""

import asyncio
from typing import TYPE_CHECKING, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from deployd.proxy.http2 import packed_fields
from deployd.proxy.http2.request import Malformed, http1_head
from deployd.proxy.http2.stream import StreamConnection, StreamTransport
from deployd.proxy.http2.unread import Unread

if TYPE_CHECKING:
    from deployd.proxy.plane import Plane

_STREAMS = 100
_STREAM_WINDOW = 262_144
_CONNECTION_WINDOW = 1_048_576
_WRITE_AT_ONCE = 131_072
_READ_AT_ONCE = 4_096
_EVENTS_AT_ONCE = 64
"""A frame may be nine bytes long and costs some fifty microseconds, whatever is in it."""
_RESETS = 200
_FORGIVEN_A_SWEEP = 10
"""Whoever opens streams only to give them up again is not a client (rapid reset), but many do so now and then."""


class Http2Connection(asyncio.Protocol):
    """Stands in the plane's set of connections beside its streams, each of which is a connection of its own there."""

    transport: asyncio.Transport

    def __init__(self, plane: "Plane", peer: str) -> None:
        self.plane = plane
        self._peer = peer
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._streams: dict[int, StreamTransport] = {}
        self._unread = Unread(plane.limits)
        self._since = plane.loop.time()
        self._last = 0
        self._resets = 0
        self._leaving = False
        self._paused = False
        self._dirty = False
        self._familiar = False
        self._inbox = b""
        self._reading_on = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: _STREAMS,
                SettingCodes.INITIAL_WINDOW_SIZE: _STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: self.plane.limits.header_bytes,
            },
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW - 65_535)
        self.plane.connections.add(self)
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self._inbox:
            self._inbox += data
        else:
            self._read(data)

    def _read(self, data: bytes) -> None:
        """As much of it as may be taken before others get a turn."""
        taken = 0
        for at in range(0, len(data), _READ_AT_ONCE):
            if taken >= _EVENTS_AT_ONCE:
                self._inbox = data[at:]
                self.transport.pause_reading()
                self._read_later()
                break
            try:
                events = self._h2.receive_data(data[at : at + _READ_AT_ONCE])
                packed_fields.check_unread(self._h2, self.plane.limits.header_bytes)
            except ProtocolError:
                self._flush()  # h2 has written down why.
                self.transport.close()
                return
            taken += len(events)
            for event in events:
                if not self.transport.is_closing():
                    self._take(event)
        self._flush()

    def _read_later(self) -> None:
        if not self._reading_on:
            self._reading_on = True
            self.plane.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        self._reading_on = False
        if self._paused or self.transport.is_closing():
            return
        data, self._inbox = self._inbox, b""
        self._read(data)
        if not self._inbox and not self._paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._open(event)
            case DataReceived():
                self._receive(event)
            case StreamEnded() if event.stream_id in self._streams:
                self._streams[event.stream_id].receive_end()
            case StreamReset() if event.stream_id in self._streams:
                self._streams[event.stream_id].lost()
                self._count_reset()
            case RemoteSettingsChanged() | WindowUpdated():  # Settings may widen the windows of all streams, too.
                packed_fields.bound_table(self._h2.encoder)
                self._send_all()

    def _open(self, event: RequestReceived) -> None:
        number = self._last = event.stream_id
        if self._leaving:
            self.reset(number, ErrorCodes.REFUSED_STREAM)
            return
        ended = event.stream_ended is not None
        try:
            head = http1_head([(bytes(name), bytes(value)) for name, value in event.headers], ended)
        except Malformed:
            self.reset(number, ErrorCodes.PROTOCOL_ERROR)
            self._count_reset()
            return
        chunked = not ended and b"\r\ntransfer-encoding: chunked\r\n" in head
        stream = StreamTransport(self, number, head.startswith(b"HEAD "), chunked, ended)
        client = StreamConnection(self.plane, self._peer)
        client.familiar = self._familiar
        self._familiar = True
        stream.protocol = client
        self._streams[number] = stream
        self._since = self.plane.now
        client.connection_made(stream)
        client.data_received(head)
        if self.plane.closing:
            self.close_idle()

    def _receive(self, event: DataReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            self.give_back(event.stream_id, event.flow_controlled_length)
            if self._unread.came(event.stream_id, event.flow_controlled_length):
                self.reset(event.stream_id, ErrorCodes.NO_ERROR)
        else:
            stream.receive(event.data, event.flow_controlled_length)

    def _count_reset(self) -> None:
        self._resets += 1
        if self._resets > _RESETS:
            self._h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self._flush()
            self.transport.close()

    # -- for the streams --------------------------------------------------------------------------------------------

    def give_back(self, number: int, size: int) -> None:
        if size:
            try:
                self._h2.acknowledge_received_data(size, number)
            except ProtocolError:
                return  # The connection is over.
            self._flush_soon()

    def send_head(self, number: int, status: int, fields: list[tuple[bytes, bytes]], ended: bool) -> None:
        headers = [(b":status", b"%d" % status), *fields]
        try:
            self._h2.send_headers(number, headers, end_stream=ended)
            if ended:
                self._stop_request(self._streams[number])
        except ProtocolError:
            return  # The client has given the stream up in the meantime, which it will be told.
        self._flush_soon()

    def send_data(self, stream: StreamTransport) -> None:
        """As much as the client's windows and our own buffer take."""
        number, pending, written = stream.number, stream.pending, 0
        self._flush_soon()
        try:
            while pending and not self._paused:
                size = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size, len(pending))
                if size <= 0:
                    break
                self._h2.send_data(number, bytes(pending[:size]))
                del pending[:size]
                written += size
                if written > _WRITE_AT_ONCE:
                    self._flush()  # Which may pause us.
                    written = 0
            if not pending and stream.is_whole:
                self._h2.end_stream(number)
                self._stop_request(stream)
                stream.finished()
                return
        except ProtocolError:
            stream.lost()
            return
        stream.sent()

    def _stop_request(self, stream: StreamTransport) -> None:
        """The answer is whole: what is left of the request need not be sent any more."""
        if not stream.has_request:
            self._unread.begin(stream.number, self.plane.now)

    def reset(self, number: int, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        try:
            self._h2.reset_stream(number, code)
        except ProtocolError:
            return  # It is closed already.
        self._flush_soon()

    def forget(self, stream: StreamTransport) -> None:
        self._streams.pop(stream.number, None)
        self._since = self.plane.now
        if self._leaving and not self._streams:
            self._flush()
            self.transport.close()

    # -- the real connection ----------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        """Once for all that is written in this turn of the loop."""
        if not self._dirty:
            self._dirty = True
            self.plane.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._dirty = False
        data = self._h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def _send_all(self) -> None:
        for stream in tuple(self._streams.values()):
            if stream.pending:
                self.send_data(stream)

    def pause_writing(self) -> None:
        """What we answer to must not pile up: nothing more is read either."""
        self._paused = True
        self._since = self.plane.now
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        if self._inbox:
            self._read_later()
        else:
            self.transport.resume_reading()
        self._send_all()

    def connection_lost(self, error: Exception | None) -> None:
        self.plane.leave(self)
        self.plane.peers.leave(self._peer)
        for stream in tuple(self._streams.values()):
            stream.lost()

    def sweep(self, now: float) -> None:
        limits, silent = self.plane.limits, now - self._since
        self._resets = max(0, self._resets - _FORGIVEN_A_SWEEP)
        for number in self._unread.over(now):
            self.reset(number, ErrorCodes.NO_ERROR)
        if self._paused:
            if silent > limits.body_idle_seconds:
                self.transport.abort()
        elif not self._streams and silent > (limits.keep_alive_seconds if self._last else limits.header_seconds):
            self.close_idle()

    def close_idle(self) -> None:
        """No new streams; those that are open may end. h2 would end them, too, so the frame is written here."""
        if not self._leaving:
            self._leaving = True
            self._flush()
            self.transport.write(GoAwayFrame(0, last_stream_id=self._last, error_code=0).serialize())
        if not self._streams:
            self.transport.close()

    def abort(self) -> None:
        self.transport.abort()
