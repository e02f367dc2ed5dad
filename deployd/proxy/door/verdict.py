"""What is answered in place of the app."""

import msgspec


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`extra` are whole header lines; `title` heads the page where the status alone would say too little."""

    status: int
    reason: str
    extra: bytes = b""
    title: str | None = None


def moved_to(location: bytes) -> Verdict:
    """308: the method stays, and so does the body that is to be sent there."""
    return Verdict(
        status=308, reason=f"This is at {location.decode('latin-1')} now.", extra=b"Location: %b\r\n" % location
    )


def come_back(status: int, reason: str, seconds: int, title: str | None = None) -> Verdict:
    return Verdict(status=status, reason=reason, extra=b"Retry-After: %d\r\n" % seconds, title=title)
