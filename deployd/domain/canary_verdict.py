"""When a release is not to be trusted with traffic any longer: compared with another, or with the one before it."""

import msgspec

TOLERATED_SHARE = 0.02
TIMES_WORSE = 3.0
FEWEST_ERRORS = 10
FEWEST_COMPARED = 20
TIMES_SLOWER = 2.0
SLOWER_SECONDS = 0.1
FEWEST_TIMED = 100


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """`errors` are the requests that were answered 5xx, by the app or in its place, or were broken off."""

    requests: int = 0
    errors: int = 0

    @property
    def share(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    def since(self, earlier: "Counts") -> "Counts":
        return Counts(requests=self.requests - earlier.requests, errors=self.errors - earlier.errors)


class ReleaseFigures(Counts, frozen=True, kw_only=True):
    """`p95_seconds` is what 95 % of the answers began within; None when there was none."""

    release: int | None
    p95_seconds: float | None = None

    @property
    def p95(self) -> str:
        """For people: `45.2 ms`, `1.31 s`."""
        if self.p95_seconds is None:
            return "-"
        return f"{self.p95_seconds * 1000:.3g} ms" if self.p95_seconds < 0.9995 else f"{self.p95_seconds:.3g} s"


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What the proxy counted for an app: `now` since `release` was switched to, `before` in the last one or two minutes
    of the release before it. With a canary, both sides since it began.
    """

    release: int | None
    now: Counts = Counts()
    before: Counts = Counts()
    live: ReleaseFigures | None = None
    canary: ReleaseFigures | None = None


def error_jump(usual: Counts, counts: Counts) -> str | None:
    """Says what is wrong when more than 2 %, three times the `usual` share and at least ten answers are errors."""
    expected = usual.share if usual.requests >= FEWEST_COMPARED else 0.0
    if counts.errors < FEWEST_ERRORS or counts.share <= max(TOLERATED_SHARE, TIMES_WORSE * expected):
        return None
    return f"{counts.errors:,} of {counts.requests:,} requests ({_percent(counts.share)}) were answered with errors"


def canary_verdict(live: ReleaseFigures, canary: ReleaseFigures) -> str | None:
    """Why the canary has to go; None as long as it does as well as the live release, or too little is known."""
    jump = error_jump(live, canary)
    if jump is not None:
        return f"{jump}, and {_percent(live.share)} of the live release's"
    if min(live.requests, canary.requests) < FEWEST_TIMED or live.p95_seconds is None or canary.p95_seconds is None:
        return None
    if canary.p95_seconds <= TIMES_SLOWER * live.p95_seconds + SLOWER_SECONDS:
        return None
    return (
        f"95 % of its answers began within {canary.p95_seconds:.3g} s, "
        f"those of the live release within {live.p95_seconds:.3g} s"
    )


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
