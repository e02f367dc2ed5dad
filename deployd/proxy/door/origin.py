"""The one scheme and host that a request should have come to."""

from typing import Protocol

from deployd.proxy.request_head import RequestHead

ACME_PATH = b"/.well-known/acme-challenge/"


class Certificates(Protocol):
    """For which hosts https is served here."""

    def has(self, host: bytes) -> bool:
        """`host` is lower case and without a port."""
        ...


class Origin:
    """`canonical` is empty when every host is as good; without `certificates` nobody is sent to https."""

    def __init__(self, canonical: str, certificates: Certificates | None, https_port: int) -> None:
        self._canonical = canonical.encode()
        self._certificates = certificates
        self._https_port = b"" if https_port == 443 else b":%d" % https_port

    def elsewhere(self, head: RequestHead, scheme: bytes) -> bytes | None:
        """The URL it should have come to; None when it is right here. One redirect mends both."""
        if not head.target.startswith(b"/") or head.target.startswith(ACME_PATH):
            return None
        host = head.name
        wanted = self._canonical or host
        upgrade = scheme == b"http" and self._certificates is not None and self._certificates.has(wanted)
        if not upgrade and wanted == host:
            return None
        return b"%b://%b%b%b" % (
            b"https" if upgrade else scheme,
            wanted,
            self._https_port if upgrade else _port_of(head.host),
            head.target,
        )


def _port_of(host: bytes) -> bytes:
    """With its colon, as it was sent: a proxy on another port than 80 keeps it."""
    port = host.rpartition(b":")[2]
    return b":" + port if port.isdigit() and len(port) < len(host) else b""
