"""The order of imported rows: late rows are sorted, and a wrong time does not cost the rest of the file."""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from quotelife_research.data.files import DataError

OUT_OF_PLACE = "time out of place"
LATE_NS = 60 * 1_000_000_000  # a row that is at most this far out of place came late; its time is right
_MOST_BACKWARDS = 0.05  # share of the rows that are earlier than the row before; above it a file is in no order
_FEW_BACKWARDS = 10  # rows that never count as too many
_BLOCK_ROWS = 100  # so many rows in order are a part of the file in the wrong place, not wrong times
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ordering:
    """How the rows of a file are put in order."""

    take: Ints  # the rows in the order of their times
    ts_ns: Ints  # of each row, in the file's order; that of the row before where the time is wrong
    wrong: npt.NDArray[np.bool_]  # rows whose time is out of place
    notes: list[str] = field(default_factory=list)


def newest_first(ts_ns: Ints) -> bool:
    """Whether more rows are earlier than the row before than later."""
    steps = np.diff(ts_ns)
    return int((steps < 0).sum()) > int((steps > 0).sum())


def order_rows(ts_ns: Ints, where: str) -> Ordering:
    """Order rows by time. A row out of place by up to a minute, and a part of the file in the wrong place, are sorted;
    single rows further away have a wrong time, and the others do not suffer from it.

    DataError if more than 5 % of the rows are earlier than the row before: such a column is rarely the time by which
    the rows were recorded, and the order of rows with equal times is unknown.
    """
    n, ts = len(ts_ns), ts_ns.copy()
    backwards = int((np.diff(ts) < 0).sum())
    if backwards > max(_FEW_BACKWARDS, _MOST_BACKWARDS * n):
        raise DataError(
            f"{where}: {backwards} of {n} rows are earlier than the row before, more than {_MOST_BACKWARDS:.0%}; "
            "allowed: rows in the order of their times: sort the file, or name the column of the time of recording"
        )
    if not backwards:
        return Ordering(np.arange(n), ts, np.zeros(n, np.bool_))
    on = _longest_in_order(ts)
    before = _on_before(ts, on)
    wrong = ~on & (np.abs(ts - before) > LATE_NS) & ~_blocks(ts, on)
    ts[wrong] = before[wrong]
    moved = int((~on & ~wrong).sum())
    return Ordering(np.argsort(ts, kind="stable"), ts, wrong, [f"{moved} rows out of order, sorted"] if moved else [])


def in_file_order(ts_ns: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """(Times that never decrease, rows whose time was out of place) of rows whose order is right.

    Changes of a book have to be applied in the order of the file. A time out of place becomes that of the row before.
    """
    if not (np.diff(ts_ns) < 0).any():
        return ts_ns, np.zeros(len(ts_ns), np.bool_)
    on = _longest_in_order(ts_ns)
    before = _on_before(ts_ns, on)
    return np.where(on, ts_ns, before), ~on & (np.abs(ts_ns - before) > LATE_NS)


def _longest_in_order(ts: Ints) -> npt.NDArray[np.bool_]:
    """The rows of a longest subsequence whose times do not decrease; of two, the one with the shorter span.

    A wrong time in the first or last rows gives several as long.
    """
    found = _one_longest(ts), _one_longest(-ts[::-1])[::-1]
    return min(found, key=lambda on: int(np.ptp(ts[on])))


def _one_longest(ts: Ints) -> npt.NDArray[np.bool_]:
    """Patience sorting, Fredman (1975)."""
    ends: list[int] = []
    end_rows: list[int] = []
    previous = np.full(len(ts), -1, np.int64)
    for row, value in enumerate(ts.tolist()):
        at = bisect_right(ends, value)
        previous[row] = end_rows[at - 1] if at else -1
        if at == len(ends):
            ends.append(value)
            end_rows.append(row)
        else:
            ends[at], end_rows[at] = value, row
    on = np.zeros(len(ts), np.bool_)
    row = end_rows[-1] if end_rows else -1
    while row >= 0:
        on[row] = True
        row = int(previous[row])
    return on


def _on_before(ts: Ints, on: npt.NDArray[np.bool_]) -> Ints:
    """The time of the last row in order before each row, or of the first one."""
    last = np.maximum.accumulate(np.where(on, np.arange(len(ts)), -1))
    return ts[np.where(last >= 0, last, int(np.argmax(on)))]


def _blocks(ts: Ints, on: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Rows of the parts of the file that are in order among themselves and long."""
    off = np.flatnonzero(~on)
    begins = np.ones(len(off), np.bool_)
    begins[1:] = (np.diff(off) > 1) | (np.diff(ts[off]) < 0)
    block = np.cumsum(begins) - 1
    found = np.zeros(len(ts), np.bool_)
    found[off] = np.bincount(block)[block] >= _BLOCK_ROWS if len(off) else False
    return found
