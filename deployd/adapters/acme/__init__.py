"""Certificates from an authority that speaks ACME."""

import ssl
from importlib.metadata import version

from deployd.adapters.acme.authority import AcmeAuthority
from deployd.adapters.acme.session import AcmeSession
from deployd.domain.errors import UserMistake
from deployd.kernel.clock import Clock

__all__ = ["AcmeAuthority", "connect"]


def connect(directory: str, email: str, ca_file: str, clock: Clock) -> AcmeAuthority:
    """Nothing is asked yet. `ca_file` holds roots to trust beside the system's. Reads files; UserMistake."""
    roots = ssl.create_default_context()
    if ca_file:
        try:
            roots.load_verify_locations(ca_file)
        except OSError as error:
            raise UserMistake(f"`tls.ca_file` {ca_file} cannot be used: {error.strerror or error}.") from error
    return AcmeAuthority(directory, AcmeSession(directory, roots, clock, f"deployd/{version('deployd')}"), email)
