"""One thing that doctor looks at: whether it is right, what was found, and the one thing to do about it."""

import msgspec


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`needed` checks fail the doctor; the others only cost a feature. `remedy` is None when all is well, or
    `found` says it, too.
    """

    name: str
    ok: bool
    found: str
    remedy: str | None = None
    needed: bool = True


def good(name: str, found: str) -> Check:
    return Check(name=name, ok=True, found=found)


def bad(name: str, found: str, remedy: str, needed: bool = True) -> Check:
    return Check(name=name, ok=False, found=found, remedy=remedy, needed=needed)
