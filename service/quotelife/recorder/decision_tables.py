"""Journal records as Arrow tables: decisions with all their inputs, and the outcomes of quotes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quotelife.config import Config
from quotelife.decision.refusal import REFUSALS
from quotelife.journal import layout as J
from quotelife.journal.names import RecordNames
from quotelife.journal.record import Record
from quotelife.ledger.history_rows import known_name
from quotelife.metrics.labels import CANCEL_REASONS, CLIENT_REJECTS, HIT_OUTCOMES, PASS_KINDS
from quotelife_models import decide as D
from quotelife_models import schema as S
from quotelife_models.enums import MARKET_STATES, MODELS
from quotelife_models.reasons import REASONS

DECISIONS = (J.KIND_QUOTE, J.KIND_REJECT, J.KIND_LEG)
_RECORD = J.RECORD.dtype
_Fields = npt.NDArray[np.void]
_FIGURES = {
    "model_ms": D.OUT_MODEL_MS,
    "p_one_tick": D.OUT_P_ONE_TICK,
    "p_pick_off": D.OUT_P_PICK_OFF,
    "expected_loss": D.OUT_EXPECTED_LOSS,
    "p_upper": D.OUT_P_UPPER,
    "shock": D.OUT_SHOCK,
    "fill": D.OUT_FILL,
    "value": D.OUT_VALUE,
    "loss": D.OUT_LOSS,
}
_CURVES = {"p_one_tick": D.OUT_CURVE_ONE_TICK, "p_pick_off": D.OUT_CURVE_PICK_OFF}
# columns and the fields of the record that they hold
_DECISION_FIELDS = {
    "wall_ns": "wall_ns",
    "mono_ns": "mono_ns",
    "side": "side",
    "lifetime_ns": "lifetime_ns",
    "valid_until_ns": "valid_until_ns",
    "bid": "bid_px",
    "offer": "offer_px",
    "quantity": "quantity",
    "decided_ns": "decided_ns",
    "board_version": "board_version",
    "correlated_version": "correlated_version",
    "index_version": "index_version",
}
_HIT_FIELDS = {
    "side": "side",
    "quantity": "quantity",
    "response_ns": "lifetime_ns",
    "valid_until_ns": "valid_until_ns",
}
_TEXT, _WHOLE, _FIGURE = pa.string(), pa.int64(), pa.float64()
_OUTCOMES = {
    "sequence": _WHOLE,  # of the journal; null for a markout
    "kind": _TEXT,
    "outcome": _TEXT,  # of a hit, or why a quote was cancelled
    "wall_ns": _WHOLE,
    "mono_ns": _WHOLE,
    "quote_id": _TEXT,
    "response_id": _TEXT,
    "client": _TEXT,
    "session": _TEXT,
    "side": _WHOLE,  # FIX Side of the client
    "model": _TEXT,
    "price": _WHOLE,
    "quantity": _WHOLE,
    "response_ns": _WHOLE,  # from the quote to the hit
    "valid_until_ns": _WHOLE,
    "board_change_ns": _WHOLE,  # monotonic; when the market passed the price or left the quote, else null
    "parameters": _TEXT,
    "horizon": _TEXT,
    "markout": _FIGURE,
    "edge": _FIGURE,
}


class MarkoutRow(NamedTuple):
    """The markout of a fill at a horizon, in ticks against the desk; `edge` is that of the price at the receipt."""

    row: int
    wall_ns: int  # of the hit
    mono_ns: int
    client: str | None
    side: int
    quote_id: str
    response_id: str
    horizon: str
    markout: float
    edge: float


class JournalTables:
    """Makes tables with the names that each record's configuration had."""

    def __init__(self, config: Config) -> None:
        self._names = RecordNames(config)

    def decisions(self, sequence: Sequence[int], records: Sequence[Record]) -> pa.Table:
        """Quotes, refusals and legs. Features, contexts and decisions are null if no model has decided."""
        fields = _fields(records)
        leg = fields["kind"] == J.KIND_LEG
        decided = (fields["model"] >= 0) & ~leg
        columns = self._common(sequence, records, fields)
        columns["model"] = _names(MODELS, np.where(decided, fields["model"], -1))
        columns["market_state"] = _names(MARKET_STATES, np.where(decided, fields["market_state"], -1))
        refused = fields["kind"] == J.KIND_REJECT
        columns["refusal"] = _names(REFUSALS, np.where(refused, fields["outcome"], -1))
        columns["request_id"] = pa.array([record.request_id for record in records])
        columns |= {name: _whole(fields[field]) for name, field in _DECISION_FIELDS.items()}
        features = fields["features"]
        columns |= {name: _figures(features[:, i], decided | leg) for i, name in enumerate(S.NAMES)}
        for side in ("bid", "offer"):
            context, decision = fields[f"{side}_context"], fields[f"{side}_decision"]
            known = decided & (context[:, S.SIDE] != 0.0)
            columns[f"{side}_reason"] = _names(REASONS, np.where(known, decision[:, D.OUT_REASON], -1))
            columns |= {f"{side}_{name}": _figures(context[:, i], known) for i, name in enumerate(S.CONTEXT_NAMES)}
            columns |= {f"{side}_{name}": _figures(decision[:, at], known) for name, at in _FIGURES.items()}
            for name, at_curve in _CURVES.items():
                columns |= {
                    f"{side}_{name}_{ms}ms": _figures(decision[:, at_curve + k], known)
                    for k, ms in enumerate(S.BIN_ENDS_MS)
                }
        return pa.table(columns)

    def outcomes(self, sequence: Sequence[int], records: Sequence[Record]) -> pa.Table:
        """Fills, refused hits, cancels and passes."""
        fields = _fields(records)
        columns = self._common(sequence, records, fields)
        hit = np.isin(fields["kind"], (J.KIND_FILL, J.KIND_HIT_REFUSED))
        columns["outcome"] = pa.array([_outcome(record) for record in records], pa.string())
        columns["model"] = _names(MODELS, fields["model"])
        columns["response_id"] = pa.array([r.request_id if h else None for r, h in zip(records, hit, strict=True)])
        columns["price"] = pa.array(np.array([record.price_ticks for record in records]), mask=~hit)
        for name, field in _HIT_FIELDS.items():
            columns[name] = pa.array(fields[field].copy(), mask=~hit)
        for name in ("wall_ns", "mono_ns"):
            columns[name] = _whole(fields[name])
        change_ns = fields["board_change_ns"]
        columns["board_change_ns"] = pa.array(change_ns.copy(), mask=change_ns <= 0)
        return _complete(columns, len(records))

    def markouts(self, markouts: Sequence[MarkoutRow]) -> pa.Table:
        """Markouts of fills as rows of the outcomes."""
        columns = {name: pa.array([getattr(m, name) for m in markouts]) for name in MarkoutRow._fields if name != "row"}
        return _complete(columns | {"kind": pa.array(["markout"] * len(markouts))}, len(markouts))

    def _common(self, sequence: Sequence[int], records: Sequence[Record], fields: _Fields) -> dict[str, pa.Array]:
        return {
            "sequence": pa.array(sequence),
            "kind": _names(J.KIND_NAMES, fields["kind"]),
            "quote_id": pa.array([record.quote_id or None for record in records], pa.string()),
            "client": pa.array([self._names.client(record) for record in records], pa.string()),
            "session": pa.array([self._names.session(record) for record in records], pa.string()),
            "parameters": pa.array([record.parameters for record in records]),
        }


def _complete(columns: dict[str, pa.Array], n: int) -> pa.Table:
    """A table with all columns of the outcomes; missing ones are null."""
    return pa.table(
        {name: columns[name].cast(kind) if name in columns else pa.nulls(n, kind) for name, kind in _OUTCOMES.items()}
    )


def _names(names: tuple[str, ...], numbers: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> pa.Array:
    """Names by index; null outside the names."""
    codes = numbers.astype(np.int64)
    unknown = (codes < 0) | (codes >= len(names))
    indices = pa.array(np.where(unknown, 0, codes).astype(np.int8), mask=unknown)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names)).cast(pa.string())


def _fields(records: Sequence[Record]) -> _Fields:
    """The records as one array with the fields of the layout."""
    return np.stack([record.words for record in records]).view(_RECORD)[:, 0]


def _whole(values: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.ascontiguousarray(values))


def _figures(values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.ascontiguousarray(values), mask=~known)


def _outcome(record: Record) -> str | None:
    """The answer to a hit, the reason of a cancel, what a client says that ends a quote, or does not accept."""
    if record.kind in (J.KIND_FILL, J.KIND_HIT_REFUSED):
        return known_name(HIT_OUTCOMES, record.outcome)
    if record.kind == J.KIND_PASS:
        return known_name(PASS_KINDS, record.outcome)
    if record.kind == J.KIND_CLIENT_REJECT:
        return known_name(CLIENT_REJECTS, record.outcome)
    return known_name(CANCEL_REASONS, record.outcome) if record.kind == J.KIND_CANCEL else None
