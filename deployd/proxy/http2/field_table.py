"""The table of fields with which answers are shortened (HPACK), kept small whatever size the client offers."""

from hpack import Encoder

_BYTES = 4_096
"""Each field of an answer is looked for in all of the table."""


def bound(encoder: Encoder) -> None:
    """To be called when the client has changed its settings.

    Of the sizes that are still to be announced only the smallest and the last one matter (RFC 7541 section 4.2).
    """
    if encoder.header_table_size > _BYTES:
        encoder.header_table_size = _BYTES
    changes = encoder.table_size_changes
    if changes:
        changes[:] = dict.fromkeys((min(changes), changes[-1]))
