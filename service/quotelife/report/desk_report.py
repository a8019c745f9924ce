"""How the desk did in a live period: net per request by client and by model, with intervals as a backtest has them.

Net: ticks per request, 0 without a fill. A fill is worth its edge over the mid at the receipt of the hit less the
markout, as if it had been hedged at the mid then, free of charge. HEDGED is the horizon that is shown first: the
shortest that is measured exactly, because the mid at the receipt may be 10 ms old.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from quotelife.ledger.client_layout import HORIZON_NAMES, ONE_SECOND
from quotelife.report.client_report import Spread, spread
from quotelife.report.counterfactual import FixedLifetimes, fixed_lifetimes
from quotelife.report.desk_rows import Flags, Floats, Ints, Requests, block_length_ns
from quotelife.report.provenance import Provenance
from quotelife.report.statistics import known_interval

AT_ONCE = "0ms"
HEDGED = HORIZON_NAMES[0]
HORIZONS: dict[str, int | None] = {AT_ONCE: None} | {name: n for n, name in enumerate(HORIZON_NAMES)}
EVERYONE = "all clients"
NO_MODEL = "no model: refused"


class Estimate(Struct, frozen=True):
    """A mean over n values and its 95 % interval, None where the values are too few."""

    n: int
    mean: float | None
    low: float | None
    high: float | None


class Group(Struct, frozen=True):
    """Some requests for one instrument: of a client, or decided by a model. Nets and markouts by horizon, in ticks."""

    name: str
    requests: int
    refused: int
    quotes: int
    fills: int
    unknown: int  # fills whose worth is not known: left out of nets and markouts
    net: dict[str, Estimate]  # per request
    picked_off: Estimate  # share of the requests
    filled: Estimate  # share of the quotes
    markouts: dict[str, Estimate]  # of the fills, positive against the desk
    withdrawn: Estimate  # share of the quotes
    withdrawn_because: dict[str, int]
    withdrawn_hits: Estimate  # refused because of a withdrawal: what a fill would have brought, ticks each
    late_hits: Estimate  # the same of hits after the ValidUntilTime
    lifetime_ms: Spread


class InstrumentReport(Struct, frozen=True):
    """The requests for one instrument. Clients by their net, the worst first, behind all of them together."""

    symbol: str
    block_s: float  # the length of the blocks of the intervals
    clients: list[Group]
    models: list[Group]
    fixed: list[FixedLifetimes]  # what a fixed lifetime for each client would have brought


class DeskReport(Struct, frozen=True):
    """UTC days, the last one included, with the instruments in the order of their requests' number."""

    provenance: Provenance
    first_day: str
    last_day: str
    instruments: list[InstrumentReport]


def instrument_reports(requests: Requests) -> list[InstrumentReport]:
    """The report of each instrument, the one with most requests first."""
    symbols = Counter(requests.symbol.tolist())
    return [_instrument(name, requests.where(requests.symbol == name)) for name, _ in symbols.most_common()]


def _instrument(symbol: str, requests: Requests) -> InstrumentReport:
    length_ns = block_length_ns(requests.wall_ns)
    block = requests.wall_ns // length_ns
    clients = [
        _group(name, requests.where(requests.client == name), block[requests.client == name])
        for name in sorted(set(requests.client.tolist()))
    ]
    clients.sort(key=lambda group: (group.net[HEDGED].mean is None, group.net[HEDGED].mean))
    models = [
        _group(name or NO_MODEL, requests.where(requests.model == name), block[requests.model == name])
        for name in sorted(set(requests.model.tolist()), reverse=True)
    ]
    return InstrumentReport(
        symbol,
        length_ns / 1e9,
        [_group(EVERYONE, requests, block), *clients],
        models,
        [fixed_lifetimes(group.name, _of(requests, group.name), block[requests.client == group.name], HORIZONS[HEDGED])
         for group in clients],
    )  # fmt: skip


def _of(requests: Requests, client: str) -> Requests:
    return requests.where(requests.client == client)


def _group(name: str, requests: Requests, block: Ints) -> Group:
    quoted, filled = ~requests.refused, requests.filled
    because = Counter(requests.withdrawn[requests.withdrawn != ""].tolist())
    known = ~(filled & np.isnan(requests.edge))
    through = (requests.edge < 0) | (requests.worth(ONE_SECOND) < 0)
    return Group(
        name=name,
        requests=len(requests),
        refused=int(requests.refused.sum()),
        quotes=int(quoted.sum()),
        fills=int(filled.sum()),
        unknown=int((~known).sum()),
        net={h: estimate(requests.net(n), block) for h, n in HORIZONS.items()},
        picked_off=estimate((filled & through).astype(np.float64), block, known),
        filled=estimate(filled.astype(np.float64), block, quoted),
        markouts={h: estimate(requests.markout[:, n], block, filled) for n, h in enumerate(HORIZON_NAMES)},
        withdrawn=estimate((requests.withdrawn != "").astype(np.float64), block, quoted),
        withdrawn_because=dict(because.most_common()),
        withdrawn_hits=estimate(requests.worth(HORIZONS[HEDGED]), block, requests.hit_withdrawn),
        late_hits=estimate(requests.worth(HORIZONS[HEDGED]), block, requests.late),
        lifetime_ms=_spread(requests.lifetime_ms[quoted]),
    )


def _spread(values: Floats) -> Spread:
    found: Sequence[float] = values.tolist()
    return spread(found)


def estimate(values: Floats, block: Ints, chosen: Flags | None = None) -> Estimate:
    """The mean of the chosen values that are known, and its interval by bootstrap of the blocks."""
    kept = ~np.isnan(values) if chosen is None else chosen & ~np.isnan(values)
    return Estimate(int(kept.sum()), *known_interval(values[kept], block[kept]))
