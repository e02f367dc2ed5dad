"""How many failures are forgiven: each counts one, and half of the count is forgotten per half-life."""

import msgspec


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    restarts: int = 5
    half_life_seconds: float = 30.0


class Account:
    """One child's failures held against its budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._failures = 0.0
        self._at = 0.0

    def charge(self, now: float) -> float:
        """Counts a failure at `now` (monotonic seconds); the count as it stands."""
        halvings = (now - self._at) / self._budget.half_life_seconds
        self._failures = self._failures * 0.5**halvings + 1.0
        self._at = now
        return self._failures

    @property
    def overdrawn(self) -> bool:
        return self._failures > self._budget.restarts

    def forgive(self) -> None:
        self._failures = 0.0
