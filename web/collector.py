"""The process's vitals as Prometheus reads them."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from web.vitals import Vitals


class VitalsCollector(Collector):
    def __init__(self, vitals: Vitals, version: str) -> None:
        self._vitals = vitals
        self._version = version

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("deployd_info", "The running version", labels=["version"])
        info.add_metric([self._version], 1)
        yield info
        yield GaugeMetricFamily("deployd_ready", "1 when /readyz says so", value=not self._vitals.problems())
        yield GaugeMetricFamily(
            "deployd_loop_lag_seconds", "How late the event loop is", value=self._vitals.loop_lag_seconds()
        )
        yield from self._actors()
        yield self._deployments()
        yield from _figures("proxy", "Counted by the proxy", self._vitals.proxy())
        yield from _figures("log", "Counted about log lines", self._vitals.logs())
        yield self._certificates()

    def _actors(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("deployd_actor_state", "1 for the state each actor is in", labels=["actor", "state"])
        restarts = CounterMetricFamily("deployd_actor_restarts", "Restarts after a crash", labels=["actor"])
        waiting = GaugeMetricFamily("deployd_actor_waiting", "Messages in the mailbox", labels=["actor"])
        in_hand = GaugeMetricFamily(
            "deployd_actor_in_hand_seconds", "Age of the message being handled, 0 when idle", labels=["actor"]
        )
        for actor in self._vitals.actors():
            up.add_metric([actor.name, actor.state], 1)
            restarts.add_metric([actor.name], actor.restarts)
            waiting.add_metric([actor.name], actor.mailbox_depth)
            in_hand.add_metric([actor.name], actor.in_hand_seconds)
        yield from (up, restarts, waiting, in_hand)

    def _deployments(self) -> Metric:
        ended = CounterMetricFamily("deployd_deployments", "Ended deployments by outcome", labels=["outcome"])
        for outcome, count in self._vitals.outcomes().items():
            ended.add_metric([outcome], count)
        return ended

    def _certificates(self) -> Metric:
        expiry = GaugeMetricFamily(
            "deployd_certificate_expiry_timestamp_seconds", "When the served certificate expires", labels=["name"]
        )
        for name, seconds in self._vitals.certificates().items():
            expiry.add_metric([name], seconds)
        return expiry


def _figures(room: str, what: str, figures: Mapping[str, float]) -> Iterable[Metric]:
    for name, value in figures.items():
        family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        yield family(f"deployd_{room}_{name}", f"{what}: {name.replace('_', ' ')}", value=value)


def exposition(vitals: Vitals, version: str) -> bytes:
    """In the text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(VitalsCollector(vitals, version))
    return generate_latest(registry)
