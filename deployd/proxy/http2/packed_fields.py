"""What packed fields (HPACK) may cost: those of a request that are to be unpacked, and the table of those we send."""

from h2.connection import H2Connection
from h2.exceptions import DenialOfServiceError
from hpack import Encoder

_BYTES = 4_096
"""Each field of an answer is looked for in all of the table."""


def bound_table(encoder: Encoder) -> None:
    """To be called when the client has changed its settings.

    Of the sizes that are still to be announced only the smallest and the last one matter (RFC 7541 section 4.2).
    """
    if encoder.header_table_size > _BYTES:
        encoder.header_table_size = _BYTES
    changes = encoder.table_size_changes
    if changes:
        changes[:] = dict.fromkeys((min(changes), changes[-1]))


def check_unread(connection: H2Connection, most: int) -> None:
    """DenialOfServiceError when more than `most` bytes of one request's fields have come: h2 itself takes a mebibyte
    and unpacks it in one go."""
    if sum(len(frame.data) for frame in connection.incoming_buffer._headers_buffer) > most:
        raise DenialOfServiceError("The fields of a request are too long.")
