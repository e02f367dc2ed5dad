"""Which certificate is served under which name, swapped as a whole while connections are being opened."""

import ssl
from collections.abc import Callable, Iterable, Mapping

from deployd.domain.certificate import Certificate
from deployd.proxy.tls.context import HTTP_1, listener_context, make_context

_ACME_TLS_ON_THE_WIRE = b"\x0aacme-tls/1"
_CLIENT_HELLO = 1


class Certificates:
    """`listening` is for the listener. A name without a certificate gets no handshake: a certificate for another name
    would only teach people to click warnings away, and tells strangers what else is served here.
    """

    def __init__(self) -> None:
        self._listening = listener_context(self._choose)
        self._listening_until: float | None = None
        self.protocols: tuple[str, ...] = (HTTP_1,)
        self._by_name: dict[str, Certificate] = {}
        self._hosts: frozenset[bytes] = frozenset()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._proofs: dict[str, ssl.SSLContext] = {}
        self._wants_proof = False
        self.on_change: Callable[[], None] | None = None
        """Called when other names are served."""

    def hold(self, certificates: Iterable[Certificate]) -> None:
        """From the next handshake on exactly these are served; of two for the same name the first."""
        by_name: dict[str, Certificate] = {}
        for certificate in certificates:
            for name in certificate.names:
                by_name.setdefault(name, certificate)
        kept = {name: self._contexts[name] for name in self._contexts if by_name.get(name) == self._by_name.get(name)}
        self._by_name, self._contexts = by_name, kept
        before, self._hosts = self._hosts, frozenset(name.encode() for name in by_name)
        if self.on_change is not None and before != self._hosts:
            self.on_change()

    def listening(self, now: float, seconds: float) -> ssl.SSLContext:
        """For a handshake that begins `now`. After `seconds` another takes its place, and with it the keys of the
        session tickets: who comes back with an older ticket makes a full handshake."""
        if self._listening_until is None:
            self._listening_until = now + seconds
        elif now >= self._listening_until:
            self._listening_until = now + seconds
            self._listening = listener_context(self._choose)
            self._look_out()
        return self._listening

    def has(self, host: bytes) -> bool:
        """Whether a handshake for that host (lower case, no port) would succeed."""
        hosts = self._hosts
        return bool(hosts) and (host in hosts or b"*" + host[host.find(b".") :] in hosts)

    def prove(self, name: str, context: ssl.SSLContext) -> None:
        """Until `proven`, an authority that asks for the proof by ALPN gets it; everybody else what they always get."""
        self._proofs[name] = context
        self._look_out()

    def proven(self, name: str) -> None:
        self._proofs.pop(name, None)
        if not self._proofs:
            self._look_out()

    def _look_out(self) -> None:
        """CPython's hook for debugging is the only place to see what a client offers before the certificate is chosen;
        it is there only while an authority is expected."""
        self._listening._msg_callback = self._look if self._proofs else None  # type: ignore[attr-defined]

    def _look(self, _: object, direction: str, version: object, content: object, kind: int, data: bytes) -> None:
        if kind == _CLIENT_HELLO and direction == "read":
            self._wants_proof = _ACME_TLS_ON_THE_WIRE in data

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        """Called in the middle of a handshake, right after `_look` saw its beginning."""
        wants_proof, self._wants_proof = self._wants_proof, False
        name = name.lower() if name is not None else ""
        context = self._proofs.get(name) if wants_proof else self._context_of(name)
        if context is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = context
        return None

    def _context_of(self, name: str) -> ssl.SSLContext | None:
        key = name if name in self._by_name else f"*{name[name.find('.') :]}"
        context = self._contexts.get(key)
        if context is None and (certificate := self._by_name.get(key)) is not None:
            context = self._contexts[key] = make_context(certificate, self.protocols)
        return context

    def served(self) -> Mapping[str, Certificate]:
        return self._by_name
