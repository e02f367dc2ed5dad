"""A port that an instance is given is nobody else's until it listens there."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployd.domain.errors import StartFailed
from deployd.runtimes import ports
from deployd.runtimes.ports import PortReservations
from tests.deployd.kernel.stage import HandClock

_TEN_MINUTES = 600.0


@pytest.fixture
def reservations(clock: HandClock) -> Iterator[PortReservations]:
    made = PortReservations(clock)
    yield made
    made.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> range:
    """The only two ports there are: far from those that anything else here is given."""
    first = random.randrange(10_000, 20_000)
    monkeypatch.setattr(ports, "instance_ports", lambda: range(first, first + 2))
    return range(first, first + 2)


def test_connections_and_servers_on_port_0_are_never_given_the_same(reservations: PortReservations) -> None:
    first, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert all(1024 <= reservations.take() < first for _ in range(50))


@pytest.mark.parametrize("kernels", ["1024\t65535", "1500 60999"])
def test_where_the_kernel_leaves_no_room_below_its_own_it_is_one_of_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reservations: PortReservations, kernels: str
) -> None:
    monkeypatch.setattr(ports, "_EPHEMERAL", tmp_path / "range")
    (tmp_path / "range").write_text(kernels)
    assert reservations.take() >= int(kernels.split()[0])


def test_two_deployds_of_a_host_never_hand_out_the_same_one(
    reservations: PortReservations, clock: HandClock, pair: range
) -> None:
    other = PortReservations(clock)
    taken = {reservations.take(), other.take()}
    assert taken == set(pair)
    with pytest.raises(StartFailed, match=r"No port between .* is free"):
        other.take()
    other.close()
    assert reservations.take() in taken


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_one_that_somebody_listens_on_at_any_address_is_passed_over(
    reservations: PortReservations, pair: range, family: socket.AddressFamily, host: str
) -> None:
    with socket.socket(family) as stranger:
        stranger.bind((host, pair[0]))
        stranger.listen()
        assert reservations.take() == pair[1]


def test_one_that_was_never_used_is_free_after_ten_minutes_and_a_used_one_when_it_is_released(
    reservations: PortReservations, clock: HandClock, pair: range
) -> None:
    used, unused = reservations.take(), reservations.take()
    reservations.use(used)
    clock.seconds += _TEN_MINUTES
    assert reservations.take() == unused
    with pytest.raises(StartFailed):
        reservations.take()
    reservations.release(used)
    assert {used, unused} == set(pair)
    assert reservations.take() == used


def test_an_instance_that_was_adopted_keeps_its_port_to_itself(
    reservations: PortReservations, clock: HandClock, pair: range
) -> None:
    predecessor = PortReservations(clock)
    adopted = predecessor.take()
    reservations.use(adopted)
    predecessor.close()
    assert {reservations.take()} == set(pair) - {adopted}
    with pytest.raises(StartFailed):
        reservations.take()
