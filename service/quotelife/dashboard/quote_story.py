"""The explanation of one quote for the page: a sentence, its curve, what moved it, and its timeline."""

import msgspec

from quotelife.config import Config
from quotelife.config.paths import data_paths
from quotelife.dashboard.quote_fields import Event, QuoteFields, decided
from quotelife.dashboard.sentence import sentence
from quotelife.dashboard.timeline import timeline
from quotelife.dashboard.units import LOTS, trading_units
from quotelife.explain.document import Explanation, FeatureContribution, SideDetails, Value
from quotelife.explain.explain import Explainer
from quotelife.explain.lookup import QuoteLookup, ring_records
from quotelife.ledger.history import HistoryReader
from quotelife.ledger.quote_state import FILLED, WITHDRAWN
from quotelife.runtime.clock import NS_PER_MS


class QuoteStories:
    """Explains quotes of one configuration. One thread at a time."""

    def __init__(self, config: Config) -> None:
        self._config, self._fields = config, QuoteFields(config)
        self._history = HistoryReader(data_paths(config).history)
        self._units = {i.symbol: trading_units(i) for i in config.instrument}

    def read(self, quote_id: str) -> dict[str, object] | None:
        """The document; None for an unknown quote. HistoryError if the history cannot be read."""
        recorded = QuoteLookup(self._config, self._history).find(quote_id)
        if recorded is None:
            return None
        explanation = Explainer(self._config).explain(recorded)
        row = recorded.quote
        quote = self._fields.quote(row, decided(recorded.record), recorded.legs)
        decisive = next((side for side in explanation.sides if side.decides), None)
        open_ms = None if row.ended_ns is None else (row.ended_ns - row.wall_ns) / NS_PER_MS
        hits = [hit for hit in recorded.hits if hit.outcome.startswith(FILLED)] or recorded.hits
        return {
            "sentence": sentence(quote, explanation),
            "quote": quote,
            "outcome": row.state,
            "curve": _curve(decisive),
            "lifetime_ms": row.lifetime_ns / NS_PER_MS,
            "hit_ms": hits[0].response_ns / NS_PER_MS if hits else None,
            "withdrawn_ms": open_ms if row.state == WITHDRAWN else None,
            "features": [] if decisive is None else self._features(explanation, decisive),
            "timeline": timeline(recorded, explanation, ring_records(self._config, quote_id)),
            "explanation": msgspec.to_builtins(explanation),
        }

    def _features(self, explanation: Explanation, side: SideDetails) -> list[Event]:
        """What moved the log-odds of the pick-off, or of one tick where the price was through the market, the most
        first; of a multileg for each leg alone."""
        found = []
        predictor = side.pick_off or side.one_tick
        if predictor is not None:
            values = [*explanation.features, *side.context]
            found = self._contributions(predictor.by_feature, values, explanation.quote.symbol or "", "")
        for leg, risk in zip(explanation.legs, side.legs, strict=True):
            by_feature = (risk.pick_off or risk.one_tick).by_feature
            found += self._contributions(by_feature, leg.features, leg.symbol, f"{leg.symbol} ")
        return sorted(found, key=lambda each: -abs(float(str(each["log_odds"]))))

    def _contributions(
        self, groups: list[FeatureContribution], values: list[Value], symbol: str, prefix: str
    ) -> list[Event]:
        """Features that share a covariate are one entry, whose `parts` are its features."""
        known = {value.name: self._in_base(value, symbol) for value in values}
        found = []
        for group in groups:
            parts = [known[name] for name in group.features if name in known]
            if not group.covariates or not parts:
                continue
            single = parts[0] if len(parts) == 1 else None
            found.append(
                {
                    "name": prefix + ", ".join(group.features),
                    "value": None if single is None else single["value"],
                    "unit": parts[0]["unit"],
                    "log_odds": group.log_odds,
                    "meaning": "; ".join(str(part["meaning"]) for part in parts),
                    "parts": parts,
                }
            )
        return found

    def _in_base(self, value: Value, symbol: str) -> Event:
        """A size in the base unit of its instrument."""
        found: Event = msgspec.structs.asdict(value)
        units = self._units.get(symbol)
        if value.unit == LOTS and units is not None:
            found |= {"unit": units.base, "value": value.value * float(units.lot)}
        return found


def _curve(side: SideDetails | None) -> dict[str, list[float]]:
    """Probabilities of the move by the end of each bin; empty where the record has been deleted."""
    points = [] if side is None else side.curve
    return {
        "ms": [float(point.ms) for point in points],
        "pick_off": [point.pick_off for point in points],
        "one_tick": [point.one_tick for point in points],
    }
