"""Asks an instance from outside whether it can serve."""

from typing import Protocol

from deployd.domain.app import HealthCheck
from deployd.domain.route import Address


class HealthProbe(Protocol):
    async def probe(
        self, address: Address, host: str, check: HealthCheck, door_pass: str | None = None, under: str = ""
    ) -> str | None:
        """One `GET check.path` with that Host header; None when healthy, else what was wrong in a few words.

        `door_pass` takes it past what our own proxy would say in the app's place; `under` is the path prefix that the
        app has there, which stands before `check.path`.
        """
        ...
