"""When a target that fails again and again is left alone, and for how long. Sans-I/O."""

import msgspec

FAILURES_IN_A_ROW = 3
_SHORT_SECONDS = 2.0
_FIRST_SECONDS = 5.0
_LONGEST_SECONDS = 60.0
_FORGIVEN_SECONDS = 60.0


class Trouble(msgspec.Struct, frozen=True):
    """A target without one has done nothing wrong lately; `until` is when it may be tried again (loop time)."""

    failures: int = 0
    ejections: int = 0
    until: float = 0.0


def after_failure(before: Trouble | None, now: float, refused: bool) -> Trouble:
    """`refused`: it did not even take the connection, so the next request had better go elsewhere at once."""
    before = before or Trouble()
    failures = before.failures + 1
    if failures < FAILURES_IN_A_ROW:
        until = max(before.until, now + _SHORT_SECONDS) if refused else before.until
        return Trouble(failures, before.ejections, until)
    if before.until > now and before.failures >= FAILURES_IN_A_ROW:
        return before  # what was under way when it was ejected fails late, which is no news
    seconds = min(_FIRST_SECONDS * 2**before.ejections, _LONGEST_SECONDS)
    return Trouble(failures, min(before.ejections + 1, 16), now + seconds)


def after_answer(before: Trouble, now: float) -> Trouble | None:
    """It answers again; how often it was out is forgotten only when it goes on like that."""
    if not before.ejections or now - before.until > _FORGIVEN_SECONDS:
        return None
    return Trouble(0, before.ejections, before.until) if before.failures else before
