"""Numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
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

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' format."""
        return generate_latest(self._registry)
