"""Prometheus collectors that the supervisor reads at scrape time: process metrics, age of the books, positions."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from quotelife.dashboard.positions import MarkedPosition, PositionView
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.board.follower import BoardReader
from quotelife.runtime.clock import NS_PER_S, mono_ns

MAX_INSTRUMENT_SERIES = 100  # the age is exported for this many instruments, the stalest first
MAX_POSITION_SERIES = 100  # positions of the desk that are exported, the largest first
MAX_CLIENT_POSITION_SERIES = 500  # and those with clients
POSITION_METRICS = (
    "quotelife_position",
    "quotelife_position_average_price",
    "quotelife_position_realised_result",
    "quotelife_position_marked_result",
)
CLIENT_POSITION_METRICS = (
    "quotelife_client_position",
    "quotelife_client_position_average_price",
    "quotelife_client_position_realised_result",
    "quotelife_client_position_marked_result",
)


class ProcessesCollector(Collector):
    """The standard process metrics of every process of the service, with a process label."""

    def __init__(self, pids: Callable[[], dict[str, int]]) -> None:
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for process, pid in self._pids().items():
            for metric in ProcessCollector("quotelife", partial(int, pid), registry=None).collect():
                kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
                family = families.setdefault(metric.name, kind(metric.name, metric.documentation, labels=["process"]))
                family.add_metric([process], metric.samples[0].value)
        yield from families.values()


class BooksCollector(Collector):
    """Age of the market data and state of the books, from the board; individual ages for the stalest instruments."""

    def __init__(self, path: Path, symbols: list[str], venues: list[str]) -> None:
        self._symbols, self.venues = symbols, venues
        self._boards = BoardReader(path)

    def venue_rows(self) -> NDArray[np.int64] | None:
        """The live board rows that hold one venue's data each: those of instruments of one venue, and of the sources of
        others; None without a board."""
        board = self._attached()
        return None if board is None else board.all_rows[board.all_rows[:, L.N_SOURCES] == 0]

    def collect(self) -> Iterator[Metric]:
        board = self._attached()
        if board is None:
            return
        rows = board.rows[: len(self._symbols)]
        now = mono_ns()
        # Before the first message the age counts from the creation of the board.
        last = np.maximum(rows[:, L.LAST_EVENT_NS], board.header[L.H_STARTED_NS])
        age = np.maximum(now - last, 0) / NS_PER_S
        ages = GaugeMetricFamily(
            "quotelife_book_age_seconds",
            f"Time since the instrument's last market data, for the {MAX_INSTRUMENT_SERIES} stalest instruments.",
            labels=["instrument"],
        )
        for row in np.argsort(-age, kind="stable")[:MAX_INSTRUMENT_SERIES]:
            ages.add_metric([self._symbols[row]], age[row])
        yield ages
        states = GaugeMetricFamily("quotelife_books", "Instruments by book state.", labels=["state"])
        for state, name in enumerate(("empty", "live", "gap", "disconnected")):
            states.add_metric([name], int((rows[:, L.STATE] == state).sum()))
        yield states
        lags = GaugeMetricFamily(
            "quotelife_marketdata_lag_seconds",
            "Delay of the venue's last data, SendingTime to read, above the smallest delay since the Logon.",
            labels=["venue"],
        )
        for block, venue in zip(board.venues, self.venues, strict=False):  # the last block is for signals
            lags.add_metric([venue], int(block[L.V_LAG_NS]) / NS_PER_S)
        yield lags
        yield GaugeMetricFamily(
            "quotelife_board_heartbeat_age_seconds",
            "Time since the last heartbeat of the board's writer.",
            value=max(now - int(board.header[L.H_HEARTBEAT_NS]), 0) / NS_PER_S,
        )

    def _attached(self) -> Board | None:
        """The board; None if it is missing or smaller than the configuration."""
        board = self._boards.poll()
        return board if board is not None and len(board.rows) >= len(self._symbols) else None


class PositionsCollector(Collector):
    """Positions and results, of the desk by instrument and with each client, as of the scrape."""

    def __init__(self, view: PositionView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        positions = self._view.read()
        largest = _largest(positions.desk, MAX_POSITION_SERIES)
        yield from _position_metrics(POSITION_METRICS, "of the desk", ["instrument"], largest)
        largest = _largest(positions.clients, MAX_CLIENT_POSITION_SERIES)
        yield from _position_metrics(
            CLIENT_POSITION_METRICS, "from the client's fills", ["client", "instrument"], largest
        )
        notional = GaugeMetricFamily(
            "quotelife_notional", "Notional of the desk's positions at the mids of their markets.", labels=["kind"]
        )
        notional.add_metric(["gross"], positions.gross_notional)
        notional.add_metric(["net"], positions.net_notional)
        yield notional


def _largest(positions: list[MarkedPosition], n: int) -> list[MarkedPosition]:
    return sorted(positions, key=lambda position: -abs(position.notional or 0.0))[:n]


def _position_metrics(
    names: tuple[str, ...], whose: str, labels: list[str], positions: list[MarkedPosition]
) -> Iterator[GaugeMetricFamily]:
    """What is not known, such as a marked result without a market, has no sample."""
    shown: list[tuple[str, Callable[[MarkedPosition], float | None]]] = [
        (f"Position {whose}, above 0 if long.", lambda position: position.quantity),
        (f"Average price of the position {whose}.", lambda position: position.average_price),
        (f"Realised result of the position {whose}.", lambda position: position.realised),
        (f"Result of closing the position {whose} at the mid.", lambda position: position.marked),
    ]
    for name, (help_, value_of) in zip(names, shown, strict=True):
        family = GaugeMetricFamily(name, help_, labels=labels)
        for position in positions:
            value = value_of(position)
            if value is not None:
                family.add_metric([*([position.client] if position.client else []), position.symbol], value)
        yield family
