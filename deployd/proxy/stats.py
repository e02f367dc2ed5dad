"""What the data plane counted, for metrics."""

import msgspec

from deployd.domain.ids import AppName


class ProxyStats(msgspec.Struct, frozen=True, kw_only=True):
    """`requests` counts answers by app and class of status (`2xx`…); None stands for hosts that no app serves now, and
    SYSTEM_APP for the control hosts.
    """

    requests: dict[AppName | None, dict[str, int]]
    failed: int
    ejections: int
    connections: int
    in_flight: int
    held: int
    dropped_access_records: int
    cached_bytes: int

    def totals(self) -> dict[str, float]:
        """Flat, without the apps; names that end in `_total` only grow."""
        return {
            "requests_total": sum(sum(classes.values()) for classes in self.requests.values()),
            "failed_total": self.failed,
            "ejections_total": self.ejections,
            "connections": self.connections,
            "in_flight": self.in_flight,
            "held": self.held,
            "cached_bytes": self.cached_bytes,
            "dropped_access_records_total": self.dropped_access_records,
        }


def by_class(statuses: list[int]) -> dict[str, int]:
    return {f"{number}xx": count for number, count in enumerate(statuses) if count and number}
