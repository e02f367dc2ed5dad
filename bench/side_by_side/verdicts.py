"""From the figures of all rounds to one line for each goal."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import msgspec

from bench.side_by_side.measures import Figures, Goal, Measure

Round = Mapping[str, Figures]
"""The figures of each contender, taken one right after the other."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`ratio` is the median over the rounds, each its own ratio; `least` and `most` are its spread.

    `busy` is how much of its core the peer used, and how much deployd did.
    """

    goal: Goal
    peer: float | None
    own: float
    ratio: float
    least: float
    most: float
    busy: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        goal = self.goal
        if goal.at_least is not None:
            return "met" if self.ratio >= goal.at_least else f"MISSED by {1 - self.ratio / goal.at_least:.0%}"
        if goal.at_most is not None:
            return "met" if self.ratio <= goal.at_most else f"MISSED by {self.ratio / goal.at_most - 1:.0%}"
        return ""


def lines(measure: Measure, rounds: Sequence[Round]) -> Iterator[Line]:
    for goal in measure.goals:
        if goal.against and goal.against not in rounds[0]:
            continue
        own = [each["deployd"][goal.figure] for each in rounds]
        peer = [each[goal.against][goal.figure] for each in rounds] if goal.against else None
        ratios = own if peer is None else [a / b for a, b in zip(own, peer, strict=True)]
        yield Line(
            goal=goal,
            peer=median(peer) if peer else None,
            own=median(own),
            ratio=median(ratios),
            least=min(ratios),
            most=max(ratios),
            busy=(_busy(rounds, goal.against), _busy(rounds, "deployd")) if goal.against else None,
        )


def _busy(rounds: Sequence[Round], name: str) -> float:
    return median(each[name]["core %"] for each in rounds)
