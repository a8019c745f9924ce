"""Metrics of the recorder: integers in shared memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.journal.layout import KIND_NAMES
from quotelife.ledger import client_layout as L
from quotelife.metrics import catalog, labels
from quotelife.metrics.histogram import observe
from quotelife.metrics.region import MetricsRegion
from quotelife.recorder.learning.metrics import LearningMetrics
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, wall_ns
from quotelife_models.enums import TIERS

_PER_UNIT = 1_000_000_000  # client gauges are stored in billionths


class RecorderMetrics:
    """Looks up the word of every series once. `path` is the file of the region."""

    def __init__(self, path: Path, config: Config) -> None:
        names = [client.name for client in config.client]
        quotable = [i.symbol for i in config.instrument if i.quotable][: labels.MAX_INSTRUMENTS_LEARNT]
        region = MetricsRegion.create(path, catalog.RECORDER, process=["recorder"], client=names, instrument=quotable)
        self._region = region
        self.values = region.values
        self.learning = LearningMetrics(region, quotable)
        counter, gauge = region.counter, region.gauge
        self._heartbeat = gauge("quotelife_heartbeat_timestamp_seconds", process="recorder")
        self._records = [counter("quotelife_journal_records_total", kind=kind) for kind in KIND_NAMES]
        self._lost = counter("quotelife_journal_lost_total")
        self._lag = gauge("quotelife_journal_lag_records")
        self._fills = {tier: counter("quotelife_fills_total", tier=tier) for tier in TIERS}
        self._pick_offs = {tier: counter("quotelife_pick_offs_total", tier=tier) for tier in TIERS}
        self._response = {tier: region.histogram("quotelife_hit_response_seconds", tier=tier) for tier in TIERS}
        self._dropped = {w: counter("quotelife_capture_dropped_total", what=w) for w in ("ring", *labels.CAPTURED)}
        self._captured = {
            kind: (
                counter("quotelife_capture_rows_total", kind=kind),
                counter("quotelife_capture_written_bytes_total", kind=kind),
            )
            for kind in labels.CAPTURED
        }
        self._capture_size = gauge("quotelife_capture_disk_bytes")
        self._flush_age = gauge("quotelife_capture_flush_age_seconds")
        self._commit = region.histogram("quotelife_history_commit_seconds")
        self._deleted = counter("quotelife_history_forgotten_total")
        self._unknown = counter("quotelife_markouts_unknown_total")
        self._markouts = {
            (tier, n): (
                counter("quotelife_markouts_total", tier=tier, horizon=horizon),
                counter("quotelife_markout_ticks_total", tier=tier, horizon=horizon, direction="against_desk"),
                counter("quotelife_markout_ticks_total", tier=tier, horizon=horizon, direction="for_desk"),
            )
            for tier in TIERS
            for n, horizon in enumerate(L.HORIZON_NAMES)
        }
        self._clients = [_client_words(region, name) for name in names]

    def extend(self, names: list[str]) -> None:
        """Go on with the series of these clients, the known ones first. OSError if there is no room."""
        region = self._region = self._region.extended(client=names)
        self.values = region.values
        self.learning.use(region)
        self._clients += [_client_words(region, name) for name in names[len(self._clients) :]]

    def beat(self) -> None:
        self.values[self._heartbeat] = wall_ns()

    def count_record(self, kind: int) -> None:
        self.values[self._records[kind]] += 1

    def set_lost(self, total: int) -> None:
        self.values[self._lost] = total

    def set_lag(self, records: int) -> None:
        """Number of records waiting to be stored."""
        self.values[self._lag] = records

    def observe_hit(self, tier: str, response_ns: int, filled: bool) -> None:
        """A hit, `response_ns` after its quote."""
        observe(self.values, self._response[tier], response_ns)
        self.values[self._fills[tier]] += filled

    def count_edge(self, tier: str, ticks: float) -> None:
        """The edge of a fill over the mid at its receipt, positive for the desk."""
        self.values[self._pick_offs[tier]] += ticks < 0

    def observe_commit(self, duration_ns: int) -> None:
        observe(self.values, self._commit, duration_ns)

    def count_deleted(self, n: int) -> None:
        self.values[self._deleted] += n

    def count_dropped(self, what: str, n: int) -> None:
        """Rows that will be missing from the capture."""
        self.values[self._dropped[what]] += n

    def count_captured(self, kind: str, rows: int, size: int) -> None:
        """Rows of the capture that are on disk."""
        n, n_bytes = self._captured[kind]
        self.values[n] += rows
        self.values[n_bytes] += size

    def set_capture_size(self, size: int) -> None:
        self.values[self._capture_size] = size

    def set_flush_age(self, age_ns: int) -> None:
        self.values[self._flush_age] = age_ns

    def count_unknown_markout(self) -> None:
        """A markout whose mid is unknown."""
        self.values[self._unknown] += 1

    def count_markout(self, tier: str, horizon: int, ticks: float) -> None:
        """A markout at one of the horizons."""
        count, against, in_favour = self._markouts[tier, horizon]
        self.values[count] += 1
        self.values[against if ticks > 0 else in_favour] += round(abs(ticks) * 2)

    def set_estimates(self, client: int, row: NDArray[np.float64]) -> None:
        """The estimates in the row of a client."""
        fill, response, toxicity, informed, race_lost, win = self._clients[client]
        self.values[fill] = row[L.FILL_RATE] * _PER_UNIT
        self.values[response] = row[L.RESPONSE_MS] * NS_PER_MS * _PER_UNIT / NS_PER_S
        self.values[toxicity] = row[L.TOXICITY] * _PER_UNIT
        self.values[informed] = row[L.INFORMED_SHARE] * _PER_UNIT
        self.values[win] = row[L.WIN_SHARE] * _PER_UNIT
        self.values[race_lost] = row[L.RACE_LOST] * _PER_UNIT


def _client_words(region: MetricsRegion, name: str) -> tuple[int, ...]:
    """The words of a client's estimates."""
    return (
        region.gauge("quotelife_client_fill_ratio", client=name),
        region.gauge("quotelife_client_response_seconds", client=name),
        region.gauge("quotelife_client_toxicity_ticks", client=name),
        region.gauge("quotelife_client_informed_ratio", client=name),
        region.gauge("quotelife_client_race_lost_ratio", client=name),
        region.gauge("quotelife_client_win_ratio", client=name),
    )
