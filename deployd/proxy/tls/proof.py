"""The certificate that answers TLS-ALPN-01: signed by nobody but itself, carrying the proof (RFC 8737 section 3)."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployd.domain.certificate import Certificate, Challenge
from deployd.domain.secret import Secret
from deployd.proxy.tls.context import ACME_TLS, make_context

_ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_OCTET_STRING = b"\x04\x20"
_LIFE = timedelta(days=7)


def proof_context(challenge: Challenge, now_ms: int) -> ssl.SSLContext:
    """Blocks for milliseconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme-tls/1 proof")])
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    digest = hashlib.sha256(challenge.answer.encode()).digest()
    leaf = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFE)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(challenge.name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(_ACME_IDENTIFIER, _OCTET_STRING + digest), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return make_context(
        Certificate(
            names=(challenge.name,),
            chain=leaf.public_bytes(serialization.Encoding.PEM).decode(),
            key=Secret(pem.decode()),
            not_before_ms=0,
            not_after_ms=0,
        ),
        (ACME_TLS,),
    )
