"""Every bound of the data plane in one place: sizes in bytes, times in seconds."""

import msgspec


class ProxyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`header_*` bound what is read before a request is understood; `*_idle` bound silence, never a whole transfer.

    `connections_per_address` is for clients and counts TLS handshakes under way; 0 means any number. Of those there
    are at most `handshakes_at_once`: then the oldest gives way. A body must come at `body_bytes_per_second` at least,
    taken over `body_rate_seconds`; who reads an answer that slowly is let go too (`body_idle_seconds` bounds how long
    a full write buffer may stay full, and how long a closing connection may take beyond that rate to take its rest).
    An app's requests beyond `access_per_second` are not all recorded: only what failed, and one in `access_one_in`.
    `requests_per_turn` is how many pipelined requests that need no waiting are answered before others get a turn.

    `pool_idle_seconds` stays below the 5 s after which common app servers close idle connections themselves, and
    `unsafe_reuse_seconds` is how fresh a pooled connection must be for a request that cannot be sent twice.
    """

    header_bytes: int = 32_768
    header_count: int = 100
    target_bytes: int = 8_192
    response_header_bytes: int = 65_536
    interim_responses: int = 16
    connections_per_address: int = 256
    requests_per_turn: int = 64
    handshakes_at_once: int = 1_024

    handshake_seconds: float = 10.0
    ticket_key_seconds: float = 86_400.0
    header_seconds: float = 10.0
    keep_alive_seconds: float = 75.0
    connect_seconds: float = 3.0
    response_seconds: float = 60.0
    body_idle_seconds: float = 60.0
    body_rate_seconds: float = 20.0
    body_bytes_per_second: float = 500.0
    half_closed_seconds: float = 5.0
    linger_seconds: float = 5.0
    tls_goodbye_seconds: float = 5.0
    linger_bytes: int = 1_048_576
    sweep_seconds: float = 1.0

    pool_idle_seconds: float = 4.0
    pool_size: int = 256
    unsafe_reuse_seconds: float = 1.0

    access_batch_seconds: float = 0.05
    access_queue: int = 50_000
    access_per_second: int = 1_000
    access_one_in: int = 100

    compressed_at_once: int = 256

    static_cache_bytes: int = 32 * 1_048_576
    static_inline_bytes: int = 131_072
