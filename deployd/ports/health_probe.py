"""Asks an instance from outside whether it can serve."""

from typing import Protocol

from deployd.domain.app import HealthCheck
from deployd.domain.route import Address


class HealthProbe(Protocol):
    async def probe(self, address: Address, host: str, check: HealthCheck) -> str | None:
        """One `GET check.path` with that Host header; None when healthy, else what was wrong in a few words."""
        ...
