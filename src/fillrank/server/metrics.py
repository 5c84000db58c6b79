"""Numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fillrank.server.arms import Takeup

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_ARMS = {
    "users": "Users who got a list.",
    "clicked": "Users who met something that was on their list, within a day.",
    "bought": "Users who bought something that was on their list, within a day.",
}
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


class Metrics:
    """The numbers of one server, apart from those of others in the same process.

    Labels are routes, never what a client sends, so that their number has a limit.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        made = {"registry": self._registry}
        labels = ["method", "route", "status"]
        self._requests = Counter("fillrank_requests", "Requests answered.", labels, **made)  # type: ignore[arg-type]
        self._seconds = Histogram(
            "fillrank_request_seconds", "How long answers took.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self.waiting = Gauge("fillrank_requests_under_way", "Requests under way.", registry=self._registry)
        self.events = Counter("fillrank_events", "Events that were accepted.", registry=self._registry)
        self.repeated = Counter("fillrank_events_repeated", "Events that were there already.", registry=self._registry)
        self.swaps = Counter("fillrank_model_swaps", "Models taken in the place of others.", registry=self._registry)

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """A number that is asked for when somebody looks."""
        Gauge(name, about, registry=self._registry).set_function(value)

    def arms(self, takeup: Takeup) -> None:
        """What users took up from the lists of each model; see :class:`fillrank.server.arms.Takeup`."""
        for what, about in _ARMS.items():
            gauge = Gauge(f"fillrank_arm_{what}", about, ["arm"], registry=self._registry)
            for name in takeup.counts:
                gauge.labels(name).set_function(lambda name=name, what=what: takeup.counts[name][what])  # type: ignore[misc]
        for what in ("clicked", "bought"):
            for place, end in enumerate(("low", "high")):
                about = f"{end.capitalize()} end of the interval (Wilson, 95 %) of the share of users who {what}."
                gauge = Gauge(f"fillrank_arm_{what}_share_{end}", about, ["arm"], registry=self._registry)
                for name in takeup.counts:
                    gauge.labels(name).set_function(
                        lambda name=name, what=what, place=place: takeup.interval(name, what)[place]  # type: ignore[misc]
                    )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' format."""
        return generate_latest(self._registry)
