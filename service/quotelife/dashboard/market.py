"""The market of one instrument as the models see it now: book, features, state, survival curves."""

from importlib.metadata import version

import numpy as np

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.controls.layout import DERIVED
from quotelife.controls.region import Controls
from quotelife.dashboard.units import TradingUnits, trading_units
from quotelife.decision.model_selection import market_state, thresholds
from quotelife.decision.policies import policy_of
from quotelife.decision.trading_phases import TradingPhases
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.board.follower import BoardReader
from quotelife.market.features.evaluate import evaluate
from quotelife.market.grid import Grid
from quotelife.parameters.active import ActiveTable
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, wall_ns
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.enums import MARKET_STATES, MODELS, RISK_AVERSE

_FAR_MS = 1e12
_USUAL_SPREAD = H.USUAL + H.MARKET_FEATURES.index("spread")
_USUAL_VOLATILITY = H.USUAL + H.MARKET_FEATURES.index("realised_volatility_1s")


class MarketView:
    """Reads the board of a running service, which need not exist yet. Not thread-safe."""

    def __init__(self, config: Config, run: RunPaths, table: ActiveTable, controls: Controls) -> None:
        self._instruments = list(config.instrument)
        self._boards = BoardReader(run.board, len(self._instruments))
        self._rows = {i.symbol: row for row, i in enumerate(self._instruments)}
        self._units = [trading_units(instrument) for instrument in self._instruments]
        self._table, self._controls = table, controls
        self._limits = thresholds(config.market)
        self._policy = policy_of(config, MODELS[RISK_AVERSE])
        self._x, self._snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
        self._ctx, self._out = np.zeros(S.N_CONTEXT), np.zeros(D.OUT_WORDS)
        self._bounds = np.array([_FAR_MS, _FAR_MS, _FAR_MS, 0.0])

    def read(self, symbol: str, now_ns: int) -> dict[str, object]:
        """The instrument as of `now_ns` (monotonic); KeyError if it is not configured.

        Without a usable book: only its status, its age in seconds and the last levels. `venues` are there if it has
        several.
        """
        row = self._rows[symbol]
        stopped = self._controls.stopped(row, 0) if self._controls.n_clients else None
        held = self._controls.held_state(row)
        view: dict[str, object] = {
            "symbol": symbol,
            "stopped": stopped is not None and stopped[0] != "client",
            "held": "" if held == DERIVED else MARKET_STATES[held],
            "now_ms": wall_ns() / NS_PER_MS,
            "mid": "",
            "spread": "",
        }
        board = self._boards.poll()
        if board is None:
            return view | {"status": L.STATUS_NAMES[L.STATUS_WRITER_DEAD]}
        snap = self._snap
        status = evaluate(board.header, board.venues, board.rows, row, now_ns, self._x, snap)
        view["status"] = L.STATUS_NAMES[status]
        if since_ns := int(snap[L.SNAP_SINCE_NS]):  # 0: its venue was never logged on
            view["for_s"] = max(now_ns - since_ns, 0) / NS_PER_S
        view |= self._book(row)
        if status == L.STATUS_OK:
            view |= self._top(self._units[row]) | self._model_view(row, held)
        if len(self._instruments[row].venues) > 1:
            view["venues"] = self._sources(board, row, now_ns)
        return view

    def tops(self, now_ns: int) -> list[tuple[float, float] | None]:
        """(mid, spread) in units of the price of every instrument, in the order of the configuration; None without a
        usable book."""
        board, found = self._boards.poll(), list[tuple[float, float] | None]()
        for row, units in enumerate(self._units):
            top = None
            if board is not None:
                args = board.header, board.venues, board.rows, row, now_ns, self._x, self._snap
                if evaluate(*args) == L.STATUS_OK:
                    bid, offer, tick = self._snap[L.SNAP_BID_PX], self._snap[L.SNAP_ASK_PX], float(units.tick)
                    top = float(bid + offer) * tick / 2.0, float(offer - bid) * tick
            found.append(top)
        return found

    def _top(self, units: TradingUnits) -> dict[str, object]:
        """Mid and spread as texts."""
        bid, offer = int(self._snap[L.SNAP_BID_PX]), int(self._snap[L.SNAP_ASK_PX])
        return {"mid": units.half_ticks(bid + offer), "spread": Grid(units.tick).text(offer - bid)}

    def _sources(self, board: Board, row: int, now_ns: int) -> list[dict[str, object]]:
        """The status of each venue's own book, and whether it is part of the instrument's."""
        first, parts, found = int(board.rows[row, L.FIRST_SOURCE]), int(board.rows[row, L.PARTS]), []
        for i, venue in enumerate(self._instruments[row].venues):
            args = board.header, board.venues, board.all_rows, first + i, now_ns, self._x, self._snap
            found.append({"name": venue, "status": L.STATUS_NAMES[evaluate(*args)], "part": bool(parts >> i & 1)})
        return found

    def _book(self, row: int) -> dict[str, object]:
        """Levels as [price, size] texts, best first."""
        instrument, snap = self._instruments[row], self._snap
        prices, sizes = Grid(instrument.tick), Grid(instrument.lot)

        def side(count_at: int, px_at: int, sz_at: int) -> list[list[str]]:
            n_levels = int(snap[count_at])
            return [[prices.text(int(snap[px_at + i])), sizes.short(int(snap[sz_at + i]))] for i in range(n_levels)]

        return {
            "bids": side(L.SNAP_N_BID, L.SNAP_BID_PX, L.SNAP_BID_SZ),
            "offers": side(L.SNAP_N_ASK, L.SNAP_ASK_PX, L.SNAP_ASK_SZ),
        }

    def _model_view(self, row: int, held: int) -> dict[str, object]:
        """Features, market state, and the probability curves for an offer and a bid at the best prices."""
        instrument, x = self._instruments[row], self._x
        table = self._table.poll()
        phase = TradingPhases(instrument.session).at(wall_ns()).code
        state = held
        if held == DERIVED:
            state = market_state(x, phase, table[row, _USUAL_VOLATILITY], table[row, _USUAL_SPREAD], self._limits)
        curves = {}
        for side, name in ((1.0, "offer"), (-1.0, "bid")):
            out = self._decide(table, row, side)
            curves[name] = {
                "one_tick": out[D.OUT_CURVE_ONE_TICK : D.OUT_CURVE_ONE_TICK + H.N_BINS].tolist(),
                "pick_off": out[D.OUT_CURVE_PICK_OFF : D.OUT_CURVE_PICK_OFF + H.N_BINS].tolist(),
            }
        return {"state": MARKET_STATES[state], "features": self._units[row].features(x), "curves": curves}

    def _decide(self, table: np.ndarray, row: int, side: float) -> np.ndarray:
        """The model's output for a quote at the best price, whose pick-off barrier is the spread."""
        ctx, x = self._ctx, self._x
        ctx[:] = 0.0
        ctx[S.SIDE], ctx[S.LEGS] = side, 1.0
        ctx[S.PICK_OFF_BARRIER], ctx[S.EDGE] = x[S.SPREAD], x[S.SPREAD] / 2.0
        D.decide(table, row, RISK_AVERSE, self._policy, x, ctx, self._bounds, self._out)
        return self._out


def description(config: Config, symbol: str) -> dict[str, object]:
    """What does not change while the service runs: instruments, models, clients, and the features of one market."""
    units = {i.symbol: trading_units(i) for i in config.instrument}
    named = zip(S.FEATURES, units[symbol].feature_units, strict=True)
    return {
        "instrument": symbol,
        "instruments": [{"quotable": i.quotable, **units[i.symbol]._asdict()} for i in config.instrument],
        "models": list(MODELS),
        "market_states": list(MARKET_STATES),
        "features": [{"name": f.name, "unit": unit, "meaning": f.meaning} for f, unit in named],
        "clients": [client.name for client in config.client if client.role == "quotes"],
        "bin_ends_ms": list(S.BIN_ENDS_MS),
        "version": version("quotelife"),
    }
