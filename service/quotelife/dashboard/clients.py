"""Each client as a desk judges it: quotes, fills, pick-offs, markouts and result, the worst first.

Counts of quotes and fills are the recorder's, over restarts; pick-offs and markouts are those of the fills that its
history has. The result is that of the position from the client's fills, marked at the mids.
"""

from functools import partial, reduce

import numpy as np

from quotelife.config import Config
from quotelife.config.paths import RunPaths, data_paths
from quotelife.dashboard.positions import MarkedPosition
from quotelife.dashboard.units import trading_units
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_region import ClientRegionReader
from quotelife.ledger.history import FillTotals, HistoryError, HistoryReader
from quotelife.runtime.clock import NS_PER_S
from quotelife.shm.region import Follower, RegionError

_NOTHING = FillTotals(0, 0, 0, (0,) * L.N_HORIZONS, (0.0,) * L.N_HORIZONS)
_RATE_NS = 2 * NS_PER_S  # over which requests a second are counted


class FillFigures:
    """The fills of each client in the history, read once and then as they come. `totals` are as read last."""

    def __init__(self, history: HistoryReader) -> None:
        self._history = history
        self._read_until = 0
        self._complete: dict[str, FillTotals] = {}
        self.totals: dict[str, FillTotals] = {}

    def poll(self) -> None:
        """Read what is new; nothing while the history cannot be read."""
        try:
            self._read_until, complete, others = self._history.fill_totals(self._read_until)
        except HistoryError:
            return
        for client, more in complete.items():
            self._complete[client] = self._complete.get(client, _NOTHING).plus(more)
        names = self._complete.keys() | others.keys()
        self.totals = {n: self._complete.get(n, _NOTHING).plus(others.get(n, _NOTHING)) for n in names}


class ClientCounts:
    """The recorder's counts of each client: requests, quotes, fills, and requests a second."""

    def __init__(self, config: Config, run: RunPaths) -> None:
        names = [client.name for client in config.client]
        self._numbers = {name: number for number, name in enumerate(names)}
        self._rows = np.zeros((len(names), L.ROW_WORDS))
        self._files = Follower(run.clients, partial(ClientRegionReader.attach, names=names))
        self._before: tuple[int, list[float]] | None = None
        self._rates = [0.0] * len(names)

    def poll(self, now_ns: int) -> None:
        """Read what has changed, as of `now_ns` (monotonic)."""
        try:
            reader = self._files.poll()
        except RegionError:
            return
        for number, row in () if reader is None else reader.changes():
            self._rows[number] = row
        requests = self._rows[:, L.REQUESTS].tolist()
        if self._before is None or now_ns - self._before[0] >= _RATE_NS:
            if self._before is not None:
                seconds = (now_ns - self._before[0]) / NS_PER_S
                self._rates = [max(b - a, 0.0) / seconds for a, b in zip(self._before[1], requests, strict=True)]
            self._before = now_ns, requests

    def quotes(self, client: str) -> int:
        return int(self._rows[self._numbers[client], L.QUOTES])

    def fills(self, client: str) -> int:
        return int(self._rows[self._numbers[client], L.FILLED])

    def requests_per_second(self, client: str) -> float:
        return self._rates[self._numbers[client]]


class ClientFigures:
    """Rows for the page. One thread at a time."""

    def __init__(self, config: Config, run: RunPaths) -> None:
        self._clients = [client for client in config.client if client.role == "quotes"]
        self._currencies = {i.symbol: trading_units(i).currency for i in config.instrument}
        self.counts = ClientCounts(config, run)
        self._fills = FillFigures(HistoryReader(data_paths(config).history))

    def read(
        self,
        now_ns: int,
        positions: list[MarkedPosition],
        sessions: list[dict[str, object]],
        limits: list[dict[str, object]],
    ) -> list[dict[str, object]]:
        """The clients, the worst result first; `positions` are those with clients, `limits` those of all."""
        self.counts.poll(now_ns)
        self._fills.poll()
        totals = self._fills.totals
        rows = []
        for client in self._clients:
            own = [position for position in positions if position.client == client.name]
            quotes, fills = self.counts.quotes(client.name), self.counts.fills(client.name)
            rows.append(
                {
                    "name": client.name,
                    "tier": client.tier,
                    "sessions": [_without_client(s) for s in sessions if s["client"] == client.name],
                    "quotes": quotes,
                    "fills": fills,
                    "fill_rate": fills / quotes if quotes else None,
                    "limits": [_without_scope(limit) for limit in limits if limit["name"] == client.name],
                    **_judged(totals.get(client.name, _NOTHING)),
                    **result_of(own, self._currencies),
                }
            )
        return sorted(rows, key=_worst_first)

    def desk(self, positions: list[MarkedPosition]) -> dict[str, object]:
        """The figures of all clients together, as read last, and the result of the desk's `positions`, with hedges."""
        totals = reduce(FillTotals.plus, self._fills.totals.values(), _NOTHING)
        return _judged(totals) | result_of(positions, self._currencies)


def _judged(totals: FillTotals) -> dict[str, object]:
    markouts = zip(L.HORIZON_NAMES, totals.markouts, totals.markout_ticks, strict=True)
    return {
        "picked_off": totals.picked_off,
        "picked_off_share": totals.picked_off / totals.priced if totals.priced else None,
        "markout_ticks": {name: ticks / n if n else None for name, n, ticks in markouts},
    }


def result_of(positions: list[MarkedPosition], currencies: dict[str, str]) -> dict[str, object]:
    """Realised and marked result; None where positions in several currencies cannot be added up, or one has no mark.
    `results` are by currency."""
    results: dict[str, float | None] = {}
    for position in positions:
        currency, marked = currencies.get(position.symbol, ""), position.marked
        before = results.get(currency, 0.0)
        if marked is None and position.quantity == 0.0:
            marked = 0.0
        results[currency] = None if before is None or marked is None else before + position.realised + marked
    if not results:
        known = sorted(set(currencies.values()))
        return {"result": 0.0, "result_currency": known[0] if len(known) == 1 else "", "results": {}}
    single = next(iter(results.items())) if len(results) == 1 else ("", None)
    return {"result": single[1], "result_currency": single[0], "results": results}


def _worst_first(row: dict[str, object]) -> tuple[float, float, str]:
    """By result, then by the markout after a second, then by name; a client without a result behind those with one."""
    result, markouts = row["result"], row["markout_ticks"]
    markout = markouts[L.HORIZON_NAMES[L.ONE_SECOND]] if isinstance(markouts, dict) else None
    return float("inf") if result is None else float(str(result)), -(markout or 0.0), str(row["name"])


def _without_client(session: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in session.items() if key != "client"}


def _without_scope(limit: dict[str, object]) -> dict[str, object]:
    return {
        "name": limit["limit_name"],
        "used": limit["used"],
        "limit": limit["limit"],
        "unit": limit["unit"],
    }
