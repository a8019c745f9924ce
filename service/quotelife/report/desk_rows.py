"""A live period as columns: a row for each request that the recorder has stored, with the hit that judges it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife.ledger.client_layout import HORIZON_NAMES
from quotelife.ledger.history import HistoryReader, HitRow, QuoteRow
from quotelife.ledger.quote_state import FILLED, INDICATIVE, REFUSED, WITHDRAWN
from quotelife.metrics.labels import WITHDRAWALS
from quotelife.report.provenance import DataFile, RowHash
from quotelife.report.statistics import BLOCK_NS
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S

NO_SYMBOL = "multilegs"
NO_CLIENT = "unknown client"
LATE = "late"
FEWEST_BLOCKS = 20  # of a period, if its requests are long enough for blocks of SHORTEST_BLOCK_NS
SHORTEST_BLOCK_NS = 10 * NS_PER_S  # the longest markout
_NO_HIT, _FILLED, _LATE, _WITHDRAWN_HIT, _OTHER_HIT = range(5)
_KINDS = {FILLED: _FILLED, "filled_in_grace": _FILLED, LATE: _LATE, WITHDRAWN: _WITHDRAWN_HIT}
_KINDS_OF_COLUMNS = (
    *(np.int64, np.str_, np.str_, np.str_, np.bool_, np.float64, np.float64),
    *(np.str_, np.int64, np.float64, np.float64),
)
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Requests:
    """n requests in the order of their receipt. Ticks are NaN where they are not known.

    The hit is the one that judges the quote: its fill, else its first hit with a known price.
    """

    wall_ns: Ints
    client: Names
    symbol: Names
    model: Names  # empty where none has decided
    refused: Flags  # not quoted
    lifetime_ms: Floats
    open_ms: Floats  # until the end of the lifetime or the withdrawal
    withdrawn: Names  # reason of a withdrawal by the desk, else empty
    hit: Ints  # kind: no hit, filled, late, refused as withdrawn, refused for another reason
    response_ms: Floats  # from the quote to the hit
    edge: Floats  # ticks of the price over the mid at the receipt, positive for the desk
    markout: Floats  # [n, horizons], ticks, positive against the desk

    def __len__(self) -> int:
        return len(self.wall_ns)

    def where(self, chosen: Flags) -> "Requests":
        """Some of them."""
        return replace(self, **{name: values[chosen] for name, values in vars(self).items()})

    @property
    def filled(self) -> Flags:
        return self.hit == _FILLED

    @property
    def late(self) -> Flags:
        return self.hit == _LATE

    @property
    def hit_withdrawn(self) -> Flags:
        return self.hit == _WITHDRAWN_HIT

    def worth(self, horizon: int | None) -> Floats:
        """What the hit brings or would have brought, in ticks: the edge less the markout; at the receipt if None."""
        return self.edge if horizon is None else self.edge - self.markout[:, horizon]

    def net(self, horizon: int | None) -> Floats:
        """Ticks per request: the worth of a fill, 0 without one."""
        return np.where(self.filled, self.worth(horizon), 0.0)


def read_requests(history: HistoryReader, since_ns: int, until_ns: int) -> tuple[Requests, DataFile]:
    """The requests received in [since, until) of the wall clock, and what was read. Indicative quotes are no requests
    to deal. HistoryError if the history cannot be read."""
    read = RowHash()
    judging: dict[str, HitRow] = {}
    for hit in read.hashed(history.period_hits(since_ns, until_ns)):
        before = judging.get(hit.quote_id)
        if before is None or (not before.outcome.startswith(FILLED) and hit.outcome.startswith(FILLED)):
            judging[hit.quote_id] = hit
    quotes = read.hashed(history.period_quotes(since_ns, until_ns))
    rows = [_row(quote, judging.get(quote.quote_id or "")) for quote in quotes if quote.state != INDICATIVE]
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(_KINDS_OF_COLUMNS) + 1)
    values: list[Any] = [np.array(each, kind) for each, kind in zip(columns[:-1], _KINDS_OF_COLUMNS, strict=True)]
    values.append(np.array(columns[-1], np.float64).reshape(len(rows), len(HORIZON_NAMES)))
    made = dict(zip(Requests.__dataclass_fields__, values, strict=True))
    return Requests(**made), read.data_file(history.path)


def _row(quote: QuoteRow, hit: HitRow | None) -> tuple[object, ...]:
    reason = quote.because if quote.state == WITHDRAWN and quote.because in WITHDRAWALS else ""
    ended_ns = quote.ended_ns if reason and quote.ended_ns is not None else quote.wall_ns + quote.lifetime_ns
    kind = _NO_HIT if hit is None else _KINDS.get(hit.outcome, _OTHER_HIT)
    return (
        *(quote.wall_ns, quote.client or NO_CLIENT, quote.symbol or NO_SYMBOL, quote.model or ""),
        *(quote.state == REFUSED, quote.lifetime_ns / NS_PER_MS, (ended_ns - quote.wall_ns) / NS_PER_MS, reason, kind),
        np.nan if hit is None else hit.response_ns / NS_PER_MS,
        _number(None if hit is None else hit.edge_ticks),
        [_number(ticks) for ticks in hit.markouts] if hit is not None else [np.nan] * len(HORIZON_NAMES),
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def block_length_ns(wall_ns: Ints) -> int:
    """The length of a block for intervals: five minutes as in a backtest, shorter if the period would have too few."""
    if len(wall_ns) == 0:
        return BLOCK_NS
    return int(min(BLOCK_NS, max(SHORTEST_BLOCK_NS, (wall_ns[-1] - wall_ns[0]) // FEWEST_BLOCKS)))
