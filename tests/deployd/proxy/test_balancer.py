"""The next request goes where least is in flight, and not where nobody listened a moment ago."""

from deployd.domain.route import Address
from deployd.proxy.balancer import pick
from deployd.proxy.target import Target


def targets(*in_flight: int) -> list[Target]:
    made = [Target(Address(host="127.0.0.1", port=port)) for port in range(1, len(in_flight) + 1)]
    for target, count in zip(made, in_flight, strict=True):
        target.exchanges.update(object() for _ in range(count))  # type: ignore[misc]
    return made


def test_of_two_the_idler_one_is_taken() -> None:
    busy, idle = targets(3, 1)
    assert {pick([busy, idle], 0.0) for _ in range(50)} == {idle}


def test_equal_targets_all_get_their_share() -> None:
    three = targets(0, 0, 0)
    assert {pick(three, 0.0) for _ in range(200)} == set(three)


def test_a_target_that_refused_is_left_alone_for_a_while() -> None:
    refusing, busy = targets(0, 5)
    refusing.refused_until = 10.0
    assert pick([refusing, busy], 9.0) is busy
    assert pick([refusing, busy], 11.0) is refusing


def test_the_one_to_avoid_is_taken_only_when_it_is_the_last() -> None:
    first, second = targets(0, 9)
    second.refused_until = 10.0
    assert pick([first, second], 0.0, avoid=first) is second
    assert pick([first], 0.0, avoid=first) is first
