"""Which content codings a client takes, by the weights it gives them (RFC 9110 §12.5.3). Sans-I/O."""

import re
from functools import lru_cache

ZSTD, BR, GZIP = b"zstd", b"br", b"gzip"
KNOWN = (ZSTD, BR, GZIP)
"""In the order in which they cost us least for what they save."""

Accepted = tuple[tuple[bytes, ...], ...]
"""Those of KNOWN that are welcome, most welcome first; the ones in a group are equally so."""

_MEMBER = re.compile(rb"[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)[ \t]*(?:;[ \t]*q[ \t]*=[ \t]*([01](?:\.[0-9]{0,3})?)[ \t]*)?")
_LONGEST = 256
_IDENTITY = b"identity"
_ALIASES = {b"x-gzip": GZIP}


@lru_cache(maxsize=256)
def accepted(value: bytes) -> Accepted:
    """Nothing for a value that cannot be read, and nothing that is less welcome than the plain content."""
    weights = _weights(value.lower()) if len(value) <= _LONGEST else None
    if weights is None:
        return ()
    others = weights.get(b"*", 0.0)
    plain = weights.get(_IDENTITY, 0.0)
    welcome = {coding: weights.get(coding, others) for coding in KNOWN}
    groups = sorted({weight for weight in welcome.values() if weight > 0 and weight >= plain}, reverse=True)
    return tuple(tuple(coding for coding in KNOWN if welcome[coding] == weight) for weight in groups)


def _weights(value: bytes) -> dict[bytes, float] | None:
    weights: dict[bytes, float] = {}
    for member in value.split(b","):
        if not member.strip(b" \t"):
            continue
        match = _MEMBER.fullmatch(member)
        if match is None:
            return None
        coding = _ALIASES.get(match[1], match[1])
        weights.setdefault(coding, min(1.0, float(match[2] or 1)))
    return weights
