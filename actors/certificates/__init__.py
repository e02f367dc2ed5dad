"""CertificateActor and its parts."""

from actors.certificates.actor import CertificateActor
from actors.certificates.tools import CertificateTools

__all__ = ["CertificateActor", "CertificateTools"]
