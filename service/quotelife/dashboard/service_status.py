"""Counts, rates, sessions and recent latency of the service, from the metrics of its processes."""

from collections import deque

import numpy as np

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.config.venues.venue_sessions import session_names
from quotelife.dashboard.sessions import SessionStates
from quotelife.metrics.histogram import HISTOGRAM_WORDS, quantile
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, wall_ns
from quotelife.shm.region import Follower, RegionError

_WINDOW = 10  # readings, a second apart, that the latency covers
_US = 1e6


class StatusReader:
    """Reads the metrics regions of the run directory; a missing process counts as zeros."""

    def __init__(self, config: Config, run: RunPaths) -> None:
        self._regions = {
            name: Follower(run.metrics(name), MetricsRegion.attach) for name in ("quoting", "marketdata", "recorder")
        }
        self._sessions = SessionStates(config)
        self._venues = session_names(config)
        self._whole: deque[np.ndarray] = deque(maxlen=_WINDOW)
        self._last: dict[str, float] = {}
        self._last_ns = 0

    def read(self, now_ns: int) -> dict[str, object]:
        """The status as of `now_ns` (monotonic); call it once a second."""
        totals = {
            "requests": self._sum("quoting", "quotelife_requests_total"),
            "quotes": self._sum("quoting", "quotelife_quotes_total"),
            "refusals": self._sum("quoting", "quotelife_rejects_total"),
            "fills": self._sum("quoting", "quotelife_hits_total", outcome="filled"),
            "late": self._sum("quoting", "quotelife_hits_total", outcome="late"),
            "withdrawn": self._sum("quoting", "quotelife_cancelled_total", reason="market_moved"),
            "expired": self._sum("quoting", "quotelife_expired_total"),
            "market_data": self._sum("marketdata", "quotelife_marketdata_messages_total"),
        }
        seconds = (now_ns - self._last_ns) / NS_PER_S
        rates = {k: max(v - self._last[k], 0.0) / seconds for k, v in totals.items() if k in self._last and seconds > 0}
        self._last, self._last_ns = totals, now_ns
        return {
            "totals": totals,
            "per_second": rates,
            "latency_us": self._latency(),
            "sessions": self._sessions.read(self._of_session, wall_ns()),
            "venues": [
                {"name": v, "up": self._sum("marketdata", "quotelife_marketdata_session_up", venue=v) > 0}
                for v in self._venues
            ],
        }

    def _latency(self) -> dict[str, float | None]:
        """Quantiles of the time from receipt to sent, over the window."""
        region = self._region("quoting")
        if region is None:
            return {}
        whole = [
            s.word for s in region.series if s.family == "quotelife_stage_seconds" and ("stage", "whole") in s.labels
        ]
        words = np.sum([region.values[at : at + HISTOGRAM_WORDS] for at in whole], axis=0)
        if self._whole and words[1:].sum() < self._whole[-1][1:].sum():
            self._whole.clear()  # the process was restarted
        since = self._whole[0] if self._whole else np.zeros_like(words)
        self._whole.append(words)
        recent = words - since
        quantiles = {f"p{100 * q:g}": quantile(recent, q) * _US / NS_PER_S for q in (0.5, 0.99)}
        return {name: None if np.isnan(value) else value for name, value in quantiles.items()}

    def _of_session(self, family: str, session: str) -> float:
        return self._sum("quoting", f"quotelife_client_{family}", session=session)

    def _sum(self, process: str, family: str, **labels: str) -> float:
        """Sum of the family's series with these labels."""
        region = self._region(process)
        if region is None:
            return 0.0
        wanted = labels.items()
        return float(
            sum(
                int(region.values[s.word])
                for s in region.series
                if s.family == family and dict(s.labels).items() >= wanted
            )
        )

    def _region(self, process: str) -> MetricsRegion | None:
        try:
            return self._regions[process].poll()
        except RegionError:
            return None
