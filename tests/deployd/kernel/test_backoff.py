import pytest

from deployd.kernel.backoff import Backoff
from deployd.kernel.budget import Account, Budget


def test_each_failure_doubles_the_wait_up_to_the_cap() -> None:
    backoff = Backoff(first_seconds=1.0, factor=2.0, cap_seconds=5.0)
    assert [backoff.delay(failures, lambda: 0.0) for failures in (1, 2, 3, 4, 1e9)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_chance_takes_away_at_most_the_jitter() -> None:
    backoff = Backoff(first_seconds=10.0, jitter=0.5)
    assert backoff.delay(1, lambda: 0.0) == 10.0
    assert backoff.delay(1, lambda: 0.999999) == pytest.approx(5.0, abs=0.001)


def test_the_budget_is_spent_by_failures_in_quick_succession() -> None:
    account = Account(Budget(restarts=2, half_life_seconds=10))
    for _ in range(2):
        account.charge(now=100.0)
    assert not account.overdrawn
    account.charge(now=100.0)
    assert account.overdrawn


def test_failures_are_forgotten_by_half_in_each_half_life() -> None:
    account = Account(Budget(restarts=2, half_life_seconds=10))
    account.charge(now=100.0)
    assert account.charge(now=100.0) == 2.0
    assert account.charge(now=120.0) == 1.5
    assert not account.overdrawn


def test_rare_failures_never_spend_the_budget() -> None:
    account = Account(Budget(restarts=2, half_life_seconds=10))
    for day in range(100):
        account.charge(now=day * 86_400.0)
        assert not account.overdrawn
