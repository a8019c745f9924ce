"""What the desk's limits are about: its positions, those with each client, and what they are worth.

Fills move the position of the desk and the one with their client; hedges and the desk's own changes move one of them.
A position is worth its lots at the last mid of its book, before there is one at the price of the ledger. One thread at
a time.
"""

from array import array
from collections.abc import Sequence

from quotelife.config import Config
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board

_ROUNDING = 1e-9  # share of a limit that binary fractions may exceed it by
Moves = Sequence[tuple[int, int]]  # (row, lots added to the desk's position)


class Exposure:
    """`lots` are those of the desk by row of the board, above 0 where it is long, in words that kernels read too;
    `client_lots` those with each client by its index, by row. `gross` and `net` are notionals: sums over the positions
    in the currency of their prices."""

    def __init__(self, config: Config) -> None:
        n = len(config.instrument)
        self.lots = array("q", [0]) * n
        self.client_lots: list[dict[int, int]] = []
        self.gross = self.net = 0.0
        self._values = [0.0] * n  # of a lot
        self._lot_sizes = [float(i.lot) for i in config.instrument]
        self._half_ticks = [float(i.tick) * float(i.lot) / 2.0 for i in config.instrument]  # what MID2 counts, by lot
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Use the limits of a configuration with the same instruments, whose first clients are those known."""
        self.client_lots += [{} for _ in config.client[len(self.client_lots) :]]
        self._client_limits = [client.max_position for client in config.client]
        limits = config.limits
        self._max_gross, self._max_net = limits.max_gross_notional, limits.max_net_notional
        self.has_notional = self._max_gross is not None or self._max_net is not None
        self.is_limited = self.has_notional or any(limit is not None for limit in self._client_limits)

    def limits_client(self, client: int) -> bool:
        """Whether a limit over the desk or for this client applies to its fills."""
        return self.has_notional or self._client_limits[client] is not None

    def move(self, row: int, lots: int) -> None:
        """Add to the desk's position."""
        self._revalue(row, self.lots[row] + lots, self._values[row])

    def move_client(self, client: int, row: int, lots: int) -> None:
        """Add to the position with a client."""
        held = self.client_lots[client]
        held[row] = held.get(row, 0) + lots

    def mark(self, row: int, ticks: float) -> None:
        """Value an instrument at a price."""
        self._revalue(row, self.lots[row], ticks * 2.0 * self._half_ticks[row])

    def mark_to(self, board: Board | None) -> None:
        """Value the positions at the board's mids, where there are any, and add them up anew."""
        if board is not None:
            for row in range(len(self.lots)):
                if self.lots[row]:
                    self._mark_row(board, row)
        worth = [lots * value for lots, value in zip(self.lots, self._values, strict=True)]
        self.gross, self.net = sum(map(abs, worth)), sum(worth)

    def breach(self, client: int, moves: Moves, board: Board | None) -> str | None:
        """The limit that these moves by a fill of that client would exceed and not come nearer to; None if there is
        none."""
        limit = self._client_limits[client]
        if limit is not None:
            held = self.client_lots[client]
            for row, lots in moves:
                before = held.get(row, 0)
                if _exceeds(before * self._lot_sizes[row], (before + lots) * self._lot_sizes[row], limit):
                    return "the desk's position limit for this client"
        return self._notional_breach(moves, board) if self.has_notional else None

    def _notional_breach(self, moves: Moves, board: Board | None) -> str | None:
        if board is not None:
            for row, _ in moves:
                self._mark_row(board, row)
        gross, net = self.gross, self.net
        for row, lots in moves:
            value, held = self._values[row], self.lots[row]
            gross += abs((held + lots) * value) - abs(held * value)
            net += lots * value
        if self._max_gross is not None and _exceeds(self.gross, gross, self._max_gross):
            return "the desk's limit of gross notional"
        if self._max_net is not None and _exceeds(self.net, net, self._max_net):
            return "the desk's limit of net notional"
        return None

    def _mark_row(self, board: Board, row: int) -> None:
        mid2 = int(board.rows[row, L.MID2])
        if mid2:
            self._revalue(row, self.lots[row], mid2 * self._half_ticks[row])

    def _revalue(self, row: int, lots: int, value: float) -> None:
        before, after = self.lots[row] * self._values[row], lots * value
        self.gross += abs(after) - abs(before)
        self.net += after - before
        self.lots[row], self._values[row] = lots, value


def _exceeds(before: float, after: float, limit: float) -> bool:
    return abs(after) > limit * (1.0 + _ROUNDING) and abs(after) > abs(before)
