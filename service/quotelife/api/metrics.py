"""The API process's metrics, recorded in shared memory."""

from quotelife.decision.refusal import REFUSALS
from quotelife.metrics.histogram import observe
from quotelife.metrics.region import MetricsRegion
from quotelife_models.enums import MODELS

EXPIRY, BATCH, STREAM = "expiry", "batch", "stream"


class ApiMetrics:
    """The word of every series, looked up once."""

    def __init__(self, region: MetricsRegion) -> None:
        counter, gauge, histogram = region.counter, region.gauge, region.histogram
        self.values = region.values
        self.heartbeat = gauge("quotelife_heartbeat_timestamp_seconds", process="api")
        self.streams = gauge("quotelife_api_streams")
        self.dropped = counter("quotelife_api_streams_dropped_total")
        self.invalid = counter("quotelife_api_invalid_total")
        self._requests = {e: counter("quotelife_api_requests_total", endpoint=e) for e in (EXPIRY, BATCH, STREAM)}
        self._refusals = {r: counter("quotelife_api_refusals_total", reason=r) for r in REFUSALS}
        self._lifetimes = [
            (
                counter("quotelife_api_lifetimes_total", model=model),
                histogram("quotelife_api_lifetime_seconds", model=model),
            )
            for model in MODELS
        ]
        self._duration = histogram("quotelife_api_decide_seconds")

    def count_request(self, endpoint: str) -> None:
        self.values[self._requests[endpoint]] += 1

    def count_refusal(self, reason: str) -> None:
        self.values[self._refusals[reason]] += 1

    def record_lifetime(self, model: int, lifetime_ns: int) -> None:
        total, lifetime = self._lifetimes[model]
        self.values[total] += 1
        observe(self.values, lifetime, lifetime_ns)

    def record_duration(self, duration_ns: int) -> None:
        observe(self.values, self._duration, duration_ns)
