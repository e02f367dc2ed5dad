"""Keys and certificate requests, and the name that a certificate has for its authority."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployd.adapters.acme.jws import b64
from deployd.domain.secret import Secret

_LONGEST_COMMON_NAME = 64


def new_key() -> Secret:
    """ECDSA on P-256: what every client understands, at a tenth of RSA's cost per handshake."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Secret(pem.decode())


def signing_request(name: str, key: Secret) -> str:
    """The CSR as `finalize` wants it."""
    private = serialization.load_pem_private_key(key.reveal().encode(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("a certificate's key is on the curve P-256 here")
    common = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if len(name) <= _LONGEST_COMMON_NAME else []
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(common))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    return b64(request.public_bytes(serialization.Encoding.DER))


def renewal_id(chain: str) -> str | None:
    """What RFC 9773 section 4.1 calls the certificate: its issuer's key and its number. None when it does not say."""
    leaf = x509.load_pem_x509_certificate(chain.encode())
    try:
        issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None
    if issuer is None:
        return None
    number = leaf.serial_number
    return f"{b64(issuer)}.{b64(number.to_bytes(number.bit_length() // 8 + 1, 'big'))}"
