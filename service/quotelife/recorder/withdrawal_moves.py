"""How far the mid has moved from a quote to its withdrawal, in ticks, positive upwards.

It is read from the board's rings a little after the withdrawal, see `quotelife.recorder.markouts`. It is not known
(None) where the board had no market at one of the two moments, or where the quote is older than the rings.
"""

from collections.abc import Iterator
from typing import NamedTuple

from quotelife.market.board.board import Board
from quotelife.recorder.markouts import SETTLED_NS, net_mid2


class PendingMove(NamedTuple):
    """A withdrawn quote; times are monotonic, `legs` as in `quotelife.recorder.markouts.PendingMarkouts`."""

    quote_id: str
    legs: tuple[tuple[int, int], ...]
    quoted_ns: int
    withdrawn_ns: int


class WithdrawalMoves:
    """Withdrawals whose move is not known yet. Poll it a few times a second."""

    def __init__(self) -> None:
        self._pending: list[PendingMove] = []

    def add(self, move: PendingMove) -> None:
        self._pending.append(move)

    def poll(self, board: Board | None, now_ns: int) -> Iterator[tuple[str, float | None]]:
        """(QuoteID, move) of the withdrawals that are due by `now_ns` (monotonic)."""
        due = [move for move in self._pending if move.withdrawn_ns + SETTLED_NS <= now_ns]
        self._pending = [move for move in self._pending if move.withdrawn_ns + SETTLED_NS > now_ns]
        for move in due:
            before, after = (net_mid2(board, move.legs, at_ns) for at_ns in (move.quoted_ns, move.withdrawn_ns))
            known = before is not None and after is not None
            yield move.quote_id, (after - before) / 2 if known else None  # type: ignore[operator]
