"""One request and its answer: bound to a backend from start to end, counted and recorded once."""

import re
from typing import TYPE_CHECKING

from deployd.proxy.access import AccessRecord
from deployd.proxy.door.verdict import Verdict
from deployd.proxy.pages import answer, wants_json
from deployd.proxy.request_head import RequestHead
from deployd.proxy.target import Backend, Target

if TYPE_CHECKING:
    from deployd.proxy.protocol import ClientConnection
    from deployd.proxy.service import Service
    from deployd.proxy.upgrade import Tunnel

CLIENT_GONE = 499
_PLAIN_ID = re.compile(rb"[0-9A-Za-z._~+/=:@-]{1,128}")


class Exchange:
    """Answers with our own pages; subclasses answer from an upstream or from a folder."""

    __slots__ = (
        "backend",
        "client",
        "ended",
        "failed",
        "head",
        "plane",
        "request_id",
        "seen",
        "sent",
        "service",
        "started",
        "started_ms",
        "status",
        "was_cut",
    )
    tunnel: "Tunnel | None" = None

    def __init__(self, client: "ClientConnection", head: RequestHead, service: "Service | None") -> None:
        plane = client.plane
        self.client = client
        self.plane = plane
        self.head = head
        self.service = service
        self.backend: Backend | None = None
        self.started = plane.clock.monotonic()
        self.started_ms = plane.clock.now_ms()
        given = head.received.get(b"x-request-id") if client.trusted and head.received is not None else None
        if given is None or not _PLAIN_ID.fullmatch(given):
            given = b"%b-%x" % (plane.request_prefix, next(plane.request_numbers))
        self.request_id = given
        self.seen = plane.now
        self.status = 0
        self.sent = 0
        self.failed = False
        self.was_cut = False
        self.ended = False

    def start(self) -> None:
        """Nothing to be asked elsewhere: the host is unknown or its app is closed."""
        if self.service is None:
            self.refuse(404, "No app is served under this host name.")
        elif self.service.release is None and self.service.closed_because is not None:
            self.refuse(503, self.service.closed_because, b"Retry-After: 5\r\n")  # Nobody failed: nothing is live.
        else:
            reason = self.service.closed_because or "The app has nothing running that could answer."
            self.fail(503, reason, b"Retry-After: 5\r\n")

    def take_over(self, waited: "Exchange") -> None:
        """It is the same request that was let wait until now."""
        self.started, self.started_ms, self.request_id = waited.started, waited.started_ms, waited.request_id

    def turn_away(self, verdict: Verdict) -> None:
        self.refuse(verdict.status, verdict.reason, verdict.extra, verdict.title)

    def refuse(self, status: int, reason: str, extra: bytes = b"", title: str | None = None) -> None:
        """Answers with one of our own pages, or breaks off when an answer has begun already."""
        if self.ended:
            return
        if self.status >= 200:
            self.break_off()
            return
        request_id = self.request_id.decode("ascii")
        content_type, body = self._page(status, reason, request_id) or self.plane.pages.render(
            status, reason, self.head.fields, title, request_id
        )
        extra = b"X-Request-ID: %b\r\n%b" % (self.request_id, extra)
        self.answer(status, answer(status, content_type, body, extra), body)

    def _page(self, status: int, reason: str, request_id: str) -> tuple[bytes, bytes] | None:
        """The app's own page, for those who can read one."""
        pages = self.service.error_pages if self.service is not None else None
        page = pages.find(status) if pages is not None else None
        if page is None or wants_json(self.head.fields):
            return None
        return page.content_type, page.saying(reason, request_id)

    def fail(self, status: int, reason: str, extra: bytes = b"") -> None:
        """Like `refuse`, where it was not the client's doing."""
        self.failed = True
        self.refuse(status, reason, extra)

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        """Sends a whole answer; `head` ends with its empty line and says how long the body is."""
        client = self.client
        self.status = status
        self.sent = len(body) if self.head.method != b"HEAD" else 0
        extra = self.plane.date + client.connection_line(self.head)
        client.transport.write(b"%b%b\r\n%b" % (head[:-2], extra, body if self.sent else b""))
        self.end()

    def break_off(self) -> None:
        """The answer cannot be completed: make that visible by resetting the connection."""
        self.failed = True
        self.client.reset()
        self.end()

    def cut(self) -> None:
        """The drain is over."""
        self.was_cut = True
        if self.status >= 200:
            self.client.reset()
            self.end()
        else:
            self.refuse(503, "The app was replaced by a newer release while this request was waiting.")

    def client_gone(self) -> None:
        if not self.ended:
            self.status = self.status or CLIENT_GONE
            self.end()

    def body(self, data: bytes) -> None:
        """A piece of the request's body; nobody here wants it."""

    def body_ended(self) -> None: ...

    @property
    def wants_body(self) -> bool:
        return True

    @property
    def wants_more(self) -> bool:
        """Whether what takes the body keeps up; otherwise reading is resumed when it does."""
        return True

    def pause_source(self) -> None:
        """The client does not read: stop producing."""

    def resume_source(self) -> None: ...

    def sweep(self, now: float) -> None: ...

    def bind(self, backend: Backend) -> None:
        self.backend = backend
        backend.exchanges.add(self)

    def unbind(self) -> None:
        backend, self.backend = self.backend, None
        if backend is not None:
            backend.exchanges.discard(self)
            if self.service is not None:
                self.service.unbound(backend)

    def end(self) -> None:
        """Exactly once: counts, records, and lets the client go on with its next request."""
        if self.ended:
            return
        self.ended = True
        backend, service = self.backend, self.service
        if backend is not None:
            backend.exchanges.discard(self)
        if service is not None:
            service.count(self.status, backend, self.failed, self.was_cut)
        else:
            self.plane.unrouted[self.status // 100] += 1
        weight = self.plane.access.weight(service.app if service is not None else None, self.status)
        if weight:
            self.plane.access.add(self._record(weight))
        self.client.exchange_ended(self)

    def _record(self, weight: int) -> AccessRecord:
        head, service = self.head, self.service
        return AccessRecord(
            time_ms=self.started_ms,
            app=service.app if service is not None else None,
            release=service.release if service is not None else None,
            client=self.client.ip,
            method=head.method.decode("latin-1"),
            host=head.host.decode("latin-1"),
            path=head.target.decode("latin-1"),
            status=self.status,
            sent_bytes=self.sent,
            duration_seconds=self.plane.clock.monotonic() - self.started,
            request_id=self.request_id.decode("ascii"),
            target=self.backend.name if isinstance(self.backend, Target) else None,
            failed=self.failed,
            stands_for=weight,
        )
