"""What the process can say about itself: handed in as callables, shown by /readyz, /metrics and /api/v1/status."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from deployd.domain.deployment import Outcome
from deployd.kernel.supervisor import ChildStatus


def _nothing() -> tuple[()]:
    return ()


def _no_figures() -> dict[str, float]:
    return {}


def _no_outcomes() -> dict[Outcome, int]:
    return {}


def _no_lag() -> float:
    return 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """`problems` are sentences that make the process not ready; `warnings` are for people only.

    `actors` is the supervisor's `status`. `proxy` and `logs` map names of figures to values; ones in `_total` grow.
    `paused` are the apps whose requests wait.
    `certificates` maps served names to when their certificate expires, in seconds since 1970.
    """

    problems: Callable[[], Sequence[str]] = _nothing
    warnings: Callable[[], Sequence[str]] = _nothing
    actors: Callable[[], Sequence[ChildStatus]] = _nothing
    proxy: Callable[[], Mapping[str, float]] = _no_figures
    logs: Callable[[], Mapping[str, float]] = _no_figures
    paused: Callable[[], Collection[str]] = tuple
    outcomes: Callable[[], Mapping[Outcome, int]] = _no_outcomes
    loop_lag_seconds: Callable[[], float] = _no_lag
    certificates: Callable[[], Mapping[str, float]] = _no_figures
