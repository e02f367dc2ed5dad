"""What OpenSSL is told: modern TLS, and a certificate whose key never touches the disk on its way there."""

import os
import ssl
from collections.abc import Callable, Sequence

from deployd.domain.certificate import Certificate

HTTP_1 = "http/1.1"
HTTP_2 = "h2"
ACME_TLS = "acme-tls/1"
"""The protocol by which an authority asks for the proof of TLS-ALPN-01 (RFC 8737)."""

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: only what has forward secrecy and authenticates what it encrypts. Those of TLS 1.3 are all good."""

Chooser = Callable[[ssl.SSLObject, str | None, ssl.SSLContext], int | None]


def listener_context(choose: Chooser) -> ssl.SSLContext:
    """Has no certificate of its own: `choose` puts the context of the named host in its place.

    The keys of session tickets belong to this context, so that a new certificate ends no session.
    """
    context = _context()
    context.sni_callback = choose
    return context


def make_context(certificate: Certificate, protocols: Sequence[str] = (HTTP_1,)) -> ssl.SSLContext:
    """ssl.SSLError when chain and key do not fit. Takes 1 to 3 ms."""
    context = _context()
    context.set_alpn_protocols(protocols)
    pem = f"{certificate.chain}\n{certificate.key.reveal()}".encode()
    memory = os.memfd_create("certificate", os.MFD_CLOEXEC)  # OpenSSL reads keys from files only.
    try:
        os.write(memory, pem)
        context.load_cert_chain(f"/proc/self/fd/{memory}", password=_no_password)
    finally:
        os.close(memory)
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _no_password() -> bytes:
    """Without this OpenSSL would ask at the terminal and wait."""
    return b""
