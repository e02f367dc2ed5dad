"""An authority of the test's own: makes certificates for any name, age and life."""

import ipaddress
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployd.domain.certificate import Certificate
from deployd.domain.secret import Secret

_NEVER = (
    "data_encipherment",
    "key_encipherment",
    "key_agreement",
    "content_commitment",
    "encipher_only",
    "decipher_only",
)
_SIGNS = x509.KeyUsage(key_cert_sign=True, crl_sign=True, digital_signature=True, **dict.fromkeys(_NEVER, False))
"""What an authority's certificate must say of its key (RFC 5280, 4.2.1.3), which Python asks for since 3.13."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    chain: str
    key: str

    def certificate(self, *names: str) -> Certificate:
        leaf = x509.load_pem_x509_certificate(self.chain.encode())
        return Certificate(
            names=names,
            chain=self.chain,
            key=Secret(self.key),
            not_before_ms=int(leaf.not_valid_before_utc.timestamp() * 1000),
            not_after_ms=int(leaf.not_valid_after_utc.timestamp() * 1000),
        )


class CertificateMaker:
    """`root` is PEM: what a client has to trust; `key_id` is how its certificates name its key."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test root")])
        now = datetime.now(UTC)
        self._root = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=400))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()).digest
        self.root = self._root.public_bytes(serialization.Encoding.PEM).decode()

    def make(self, *names: str, days: float = 90, age_days: float = 0, serial: int = 0) -> Made:
        key = ec.generate_private_key(ec.SECP256R1())
        begin = datetime.now(UTC) - timedelta(days=age_days, minutes=1)
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Made(
            chain=leaf.public_bytes(serialization.Encoding.PEM).decode(),
            key=key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
