"""Ports for the servers of tests; no connection, other test or server that asks for port 0 is given the same."""

from deployd.kernel.clock import SystemClock
from deployd.runtimes.ports import PortReservations

_RESERVATIONS = PortReservations(SystemClock())


def free_port() -> int:
    return _RESERVATIONS.take()
