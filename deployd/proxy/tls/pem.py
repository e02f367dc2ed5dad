"""Reads a certificate and its key, and finds out what keeps the two from being served."""

import ssl

from cryptography import x509

from deployd.domain.certificate import Certificate
from deployd.domain.errors import UserMistake
from deployd.domain.secret import Secret
from deployd.proxy.tls.context import make_context


def read_certificate(chain: str, key: Secret) -> Certificate:
    """UserMistake when it is no certificate, names no host, or the key is not its own. Blocks for milliseconds."""
    try:
        leaf = x509.load_pem_x509_certificate(chain.encode())
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except ValueError as error:
        raise UserMistake("it is not a certificate in PEM form.") from error
    except x509.ExtensionNotFound as error:
        raise UserMistake("the certificate names no host.") from error
    names = tuple(name.lower() for name in named.get_values_for_type(x509.DNSName))
    if not names:
        raise UserMistake("the certificate names no host.")
    certificate = Certificate(
        names=names,
        chain=chain,
        key=key,
        not_before_ms=int(leaf.not_valid_before_utc.timestamp() * 1000),
        not_after_ms=int(leaf.not_valid_after_utc.timestamp() * 1000),
    )
    try:
        make_context(certificate)
    except ssl.SSLError as error:
        raise UserMistake("the key does not belong to the certificate, or is locked by a passphrase.") from error
    return certificate
