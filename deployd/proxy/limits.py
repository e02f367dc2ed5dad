"""Every bound of the data plane in one place: sizes in bytes, times in seconds."""

import msgspec


class ProxyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`header_*` bound what is read before a request is understood; `*_idle` bound silence, never a whole transfer.

    `pool_idle_seconds` stays below the 5 s after which common app servers close idle connections themselves, and
    `unsafe_reuse_seconds` is how fresh a pooled connection must be for a request that cannot be sent twice.
    """

    header_bytes: int = 32_768
    header_count: int = 100
    target_bytes: int = 8_192
    response_header_bytes: int = 65_536
    interim_responses: int = 16
    pipelined_bytes: int = 65_536

    header_seconds: float = 10.0
    keep_alive_seconds: float = 75.0
    connect_seconds: float = 3.0
    response_seconds: float = 60.0
    body_idle_seconds: float = 60.0
    tunnel_idle_seconds: float = 3_600.0
    half_closed_seconds: float = 5.0
    linger_seconds: float = 5.0
    linger_bytes: int = 1_048_576
    sweep_seconds: float = 1.0

    pool_idle_seconds: float = 4.0
    pool_size: int = 256
    unsafe_reuse_seconds: float = 1.0
    refused_seconds: float = 2.0

    access_batch_seconds: float = 0.2
    access_queue: int = 50_000

    static_cache_bytes: int = 32 * 1_048_576
    static_inline_bytes: int = 131_072
