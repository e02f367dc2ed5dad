"""A token bucket for each address."""

import pytest

from deployd.proxy.door.rate_limit import RateLimit, neighbourhood


def taken(limit: RateLimit, ip: str, now: float, tries: int) -> int:
    return sum(limit.take(ip, now) == 0 for _ in range(tries))


@pytest.mark.parametrize(
    ("per_second", "burst", "at_once"), [(1, 0, 1), (5, 0, 5), (5, 10, 15), (0.1, 0, 1), (0.5, 3, 4), (2.5, 0, 2)]
)
def test_a_bucket_starts_full(per_second: float, burst: int, at_once: int) -> None:
    assert at_once == taken(RateLimit(per_second, burst), "a", 100.0, 50)


def test_an_empty_bucket_fills_at_its_pace_and_no_higher_than_its_size() -> None:
    limit = RateLimit(2, 2)
    assert taken(limit, "a", 0.0, 9) == 4
    assert taken(limit, "a", 0.4, 9) == 0
    assert taken(limit, "a", 0.5, 9) == 1
    assert taken(limit, "a", 1.5, 9) == 2
    assert taken(limit, "a", 1000.0, 9) == 4


def test_the_wait_is_told_exactly_and_asking_does_not_prolong_it() -> None:
    limit = RateLimit(0.5)
    assert limit.take("a", 0.0) == 0
    assert [limit.take("a", now) for now in (0.0, 0.5, 1.0)] == [2.0, 1.5, 1.0]
    assert limit.take("a", 2.0) == 0


def test_a_token_can_be_given_back() -> None:
    limit = RateLimit(1)
    limit.take("a", 0.0)
    limit.give_back("a")
    assert limit.take("a", 0.0) == 0
    assert limit.take("a", 0.0) > 0


def test_each_address_has_its_own_bucket_and_only_so_many_are_kept() -> None:
    limit = RateLimit(1, addresses=3)
    assert [taken(limit, ip, 0.0, 2) for ip in "abc"] == [1, 1, 1]
    limit.take("a", 1.0)
    limit.take("d", 1.0)
    assert len(limit) == 3
    assert limit.take("a", 1.0) > 0, "the one used last was kept"
    assert limit.take("b", 1.0) == 0, "the one unused the longest was forgotten"


@pytest.mark.parametrize(
    ("ip", "other", "same"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
    ],
)
def test_an_ipv6_visitor_is_a_network(ip: str, other: str, same: bool) -> None:
    assert same is (neighbourhood(ip) == neighbourhood(other))
