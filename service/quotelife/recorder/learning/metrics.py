"""Metrics of learning: words in the recorder's region."""

import math

from quotelife.metrics import labels
from quotelife.metrics.region import MetricsRegion
from quotelife.recorder.learning.calibration import Calibration

_PER_UNIT = 1_000_000_000
_MAX = 1_000.0  # of a gauge, in its unit


class LearningMetrics:
    """`symbols` are the instruments that have series of their own."""

    def __init__(self, region: MetricsRegion, symbols: list[str]) -> None:
        self._values = region.values
        counter, gauge = region.counter, region.gauge
        self._generation = gauge("quotelife_parameters_generation", process="recorder")
        self._labels = {of: counter("quotelife_labels_total", of=of) for of in labels.LABELLED}
        self._dropped = {why: counter("quotelife_labels_dropped_total", reason=why) for why in labels.LABELS_DROPPED}
        self._promotions = {c: counter("quotelife_promotions_total", contender=c) for c in labels.CONTENDERS}
        self._refusals = {r: counter("quotelife_promotion_refusals_total", reason=r) for r in labels.LEARNING_REFUSALS}
        self._rollbacks = counter("quotelife_rollbacks_total")
        self._drift = {s: gauge("quotelife_calibration_drift", instrument=s) for s in symbols}
        self._implausible = {s: gauge("quotelife_labels_implausible", instrument=s) for s in symbols}
        self._calibration = {
            (symbol, event, of): [
                gauge(f"quotelife_calibration_{what}", instrument=symbol, event=event, of=of)
                for what in ("log_loss", "base_log_loss", "intercept", "slope", "error", "labels")
            ]
            for symbol in symbols
            for event in labels.LABELLED_EVENTS
            for of in labels.LABELLED
        }

    def use(self, region: MetricsRegion) -> None:
        """Go on in a larger region, in which every series has the same word."""
        self._values = region.values

    def count_labels(self, of: str, n: int) -> None:
        self._values[self._labels[of]] += n

    def count_dropped(self, why: str, n: int) -> None:
        self._values[self._dropped[why]] += n

    def set_generation(self, generation: int) -> None:
        self._values[self._generation] = generation

    def count_promotion(self, contender: str) -> None:
        self._values[self._promotions[contender]] += 1

    def count_refusal(self, reason: str) -> None:
        self._values[self._refusals[reason]] += 1

    def count_rollback(self) -> None:
        self._values[self._rollbacks] += 1

    def set_drift(self, symbol: str, drift: float, implausible: bool) -> None:
        """Drift and plausibility of an instrument after a block."""
        if symbol in self._drift:
            self._values[self._drift[symbol]] = _word(drift)
            self._values[self._implausible[symbol]] = implausible

    def set_calibration(self, symbol: str, event: str, of: str, c: Calibration) -> None:
        """Calibration of one event of one instrument after a block."""
        words = self._calibration.get((symbol, event, of))
        if words is not None:
            values = (c.log_loss, c.base_log_loss, c.intercept, c.slope, c.error, c.labels)
            for word, value in zip(words, values, strict=True):
                self._values[word] = _word(value, math.inf if value is values[-1] else _MAX)


def _word(value: float, limit: float = _MAX) -> int:
    return round(min(max(value, -limit), limit) * _PER_UNIT) if math.isfinite(value) else 0
