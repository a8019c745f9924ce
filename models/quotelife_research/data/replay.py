"""Replays a session through the service's own kernels: feature rows on a grid, and their outcomes.

Events are applied to `quotelife.market.book` and `quotelife.market.features` as in the market-data process, with the
event time as receive time. At each grid time `quotelife.market.features.evaluate` reads the row as the quoting process
does. Outcomes are the first passages of `quotelife_models.covariates`: for an offer, the best bid rises by the barrier;
for a bid, the best offer falls by it; and the touch: the quote's own side moves away by a tick.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.levels import LEVELS, Books, set_level
from quotelife.market.book.orders import ADDED, ASK, CANCELLED, Orders, order_key, order_set
from quotelife.market.capture import layout as C
from quotelife.market.capture.apply import COMPLETE, apply
from quotelife.market.features.evaluate import evaluate
from quotelife.market.features.update import publish, trade
from quotelife_models import schema as S
from quotelife_research.data.session import CORRELATED, ORDER, PRINT, QUOTE, Session

NS_PER_MS = 1_000_000
_LEVELS = 8192  # more than the order-by-order sample holds at once
_FEWEST_ORDERS = 1 << 17
NO_PASSAGE = S.N_BINS

# Barriers of a grid point, in ticks: fixed, multiples of the current spread, random; the touch last.
BARRIERS: tuple[str, ...] = ("1", "2", "3", "spread", "spread + 1", "2 spreads", "random", "touch")
N_BARRIERS = len(BARRIERS)
ONE_TICK, PICK_OFF, TOUCH = BARRIERS.index("1"), BARRIERS.index("spread"), BARRIERS.index("touch")


@dataclass(frozen=True)
class Grid:
    """Rows of one session; n times, two sides (0 offer, 1 bid)."""

    ts_ns: npt.NDArray[np.int64]  # [n]
    x: npt.NDArray[np.float64]  # [n, N_FEATURES]
    barriers: npt.NDArray[np.float64]  # [n, N_BARRIERS], ticks
    passage: npt.NDArray[np.uint8]  # [n, 2, N_BARRIERS]: bin of the first passage, NO_PASSAGE if none in the last bin
    on_grid: npt.NDArray[np.bool_]  # [n], whether the time is a step of the grid; the others are right after an event


@njit(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64, int64, int64[::1])",
    cache=True,
    nogil=True,
)
def _set_best(px, sz, cnt, n, row, side, price, size, counts):
    """Replace the single level of a side, or remove it if the size is 0. A new price counts as one level removed and
    one added."""
    if size <= 0:
        if n[row, side] == 1:
            counts[2 + side] += 1
            set_level(px, sz, cnt, n, row, side, px[row, side, 0], 0)
        return counts[side]
    if n[row, side] == 1:
        old_price, old_size = px[row, side, 0], sz[row, side, 0]
        if old_price == price:
            counts[side] += size > old_size
            counts[2 + side] += size < old_size
        else:
            counts[side] += 1
            counts[2 + side] += 1
            set_level(px, sz, cnt, n, row, side, old_price, 0)
    else:
        counts[side] += 1
    set_level(px, sz, cnt, n, row, side, price, size)
    return counts[side]


@njit(
    "UniTuple(int64, 2)(int64[::1], int64[:,::1], int64[:,::1], int64[::1], int64, int64, int64[::1], int64, "
    "float64[:,::1], int64[:,::1])",
    cache=True,
    nogil=True,
)
def _evaluate_until(header, venues, rows, grid, at, now, kept, held, x, snaps):
    """Evaluate at the times of `grid` before `now`, starting at index `at`. Returns the new (`at`, `held`)."""
    while at < grid.shape[0] and grid[at] < now:
        header[L.H_HEARTBEAT_NS] = grid[at]
        venues[0, L.V_LAST_RECEIVED_NS] = grid[at]
        snap = snaps[min(held, snaps.shape[0] - 1)]
        if evaluate(header, venues, rows, 0, grid[at], x[held], snap) == L.STATUS_OK:
            kept[held] = at
            held += 1
        at += 1
    return at, held


@njit("int64(int64[:,:,::1], int64[:,::1], int64, int64[:,::1], int64)", cache=True, nogil=True)
def _append_best(px, n, now, path, length):
    """Append best bid and offer to the path if they changed. Returns its length."""
    if n[0, 0] == 0 or n[0, 1] == 0:
        return length
    bid, ask = px[0, 0, n[0, 0] - 1], px[0, 1, n[0, 1] - 1]
    if bid >= ask or (length > 0 and path[length - 1, 1] == bid and path[length - 1, 2] == ask):
        return length
    path[length, 0], path[length, 1], path[length, 2] = now, bid, ask
    return length + 1


@njit(
    "UniTuple(int64, 2)(int64[:,::1], int64[::1], int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], "
    "int64[:,:,::1], int64[:,::1], int64[:,::1], int64[::1], int64[::1], int64[::1], float64[:,::1], int64[:,::1], "
    "int64[:,::1])",
    cache=True,
    nogil=True,
)
def _replay(events, header, venues, rows, px, sz, cnt, n, table, orders, grid, kept, x, snaps, path):
    """Apply `events` and evaluate at each time of `grid`. Returns (grid times kept, entries of the path).

    `kept` receives the indices of the grid times with status OK, `x` their features, `snaps` int64[:, SNAP_WORDS] the
    top of the book at these times (only the last one if it has one row), `path` int64[:, 3] time, best bid and best
    offer after every change.
    """
    counts = np.zeros(4, np.int64)
    at, held, length = 0, 0, 0
    for i in range(events.shape[0] + 1):
        now = events[i, 0] if i < events.shape[0] else np.int64(2**62)
        at, held = _evaluate_until(header, venues, rows, grid, at, now, kept, held, x, snaps)
        if i == events.shape[0]:
            break
        kind = events[i, 1]
        if kind == PRINT:
            trade(rows, 0, now, events[i, 2], events[i, 3], events[i, 4])
            continue
        if kind == CORRELATED:
            for side in range(2):
                size = np.int64(events[i, 2 + side] != C.NO_PRICE)
                _set_best(px, sz, cnt, n, 1, side, events[i, 2 + side], size, counts)
            publish(rows, 1, now, 0, px, sz, n, 0, 0, 0, 0)
            counts[:] = 0
            continue
        if kind == QUOTE:
            for side in range(2):
                _set_best(px, sz, cnt, n, 0, side, events[i, 2 + 2 * side], events[i, 3 + 2 * side], counts)
        else:
            key = order_key(events[i, 2], 0, orders)
            done = order_set(table, orders, px, sz, cnt, n, key, 0, events[i, 3], events[i, 4], events[i, 5])
            side = 1 if done & ASK else 0
            counts[side] += (done & ADDED) != 0
            counts[2 + side] += (done & CANCELLED) != 0
            if i + 1 < events.shape[0] and events[i + 1, 1] == ORDER and events[i + 1, 0] == now:
                continue
        publish(rows, 0, now, 0, px, sz, n, counts[0], counts[1], counts[2], counts[3])
        counts[:] = 0
        length = _append_best(px, n, now, path, length)
    return held, length


@njit("void(int64[:,::1], int64[::1], float64[:,::1], int64[::1], uint8[:,:,::1])", cache=True, nogil=True)
def _label(path, times, barriers, bin_ends_ns, passage):
    """Bin of the first passage of each barrier, for both sides (0 offer: the first price of the path rises, 1 bid: the
    second falls)."""
    order = np.empty(barriers.shape[1], np.int64)
    start = 0
    for i in range(times.shape[0]):
        while start + 1 < path.shape[0] and path[start + 1, 0] <= times[i]:
            start += 1
        order[:] = np.argsort(barriers[i])
        for side in range(2):
            sign = 1 - 2 * side
            level = path[start, 1 + side]
            passage[i, side, :] = bin_ends_ns.shape[0]
            found, k = 0, 0
            for j in range(start + 1, path.shape[0]):
                after = path[j, 0] - times[i]
                while k < bin_ends_ns.shape[0] and after > bin_ends_ns[k]:
                    k += 1
                if k == bin_ends_ns.shape[0]:
                    break
                moved = sign * (path[j, 1 + side] - level)
                while found < order.shape[0] and moved >= barriers[i, order[found]]:
                    passage[i, side, order[found]] = k
                    found += 1
                if found == order.shape[0]:
                    break


@dataclass(frozen=True)
class ReplayResult:
    """The result of `replay_at`; m of the requested times had a usable book."""

    kept: npt.NDArray[np.int64]  # [m], indices into the times
    x: npt.NDArray[np.float64]  # [m, N_FEATURES]
    snaps: npt.NDArray[np.int64]  # [m, SNAP_WORDS], or one row if not requested
    path: npt.NDArray[np.int64]  # [:, 3]: time, best bid, best offer, an entry for every change


@njit(
    "UniTuple(int64, 2)(int64[:,::1], int64[::1], int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], "
    "int64[:,:,::1], int64[:,::1], int64[::1], int64[::1], int64[::1], float64[:,::1], int64[:,::1], int64[:,::1])",
    cache=True,
    nogil=True,
)
def _replay_capture(events, header, venues, rows, px, sz, cnt, n, known, grid, kept, x, snaps, path):
    """As `_replay`, for the events of a capture."""
    at, held, length = 0, 0, 0
    for i in range(events.shape[0] + 1):
        now = events[i, C.RECEIVED_NS] if i < events.shape[0] else np.int64(2**62)
        at, held = _evaluate_until(header, venues, rows, grid, at, now, kept, held, x, snaps)
        if i == events.shape[0]:
            break
        kind = apply(events[i : i + 1], rows, px, sz, cnt, n, known)
        if events[i, C.KIND_WORD] >> C.ROW_SHIFT != 0 or (kind != C.BOOK and kind != C.KEYFRAME_END):
            continue
        if known[0] == COMPLETE:
            length = _append_best(px, n, now, path, length)
    return held, length


def replay_at(session: Session, times: npt.NDArray[np.int64], with_snaps: bool = False) -> ReplayResult:
    """Replay a session and evaluate it at `times`, in ascending order."""
    board = _board(session)
    events = session.events
    kept = np.zeros(len(times), np.int64)
    x = np.zeros((len(times) + 1, S.N_FEATURES))
    snaps = np.zeros((len(times) + 1 if with_snaps else 1, L.SNAP_WORDS), np.int64)
    path = np.zeros((len(events), 3), np.int64)
    seen = times, kept, x, snaps, path
    if session.captured:
        books, known = Books(len(board.rows), LEVELS), np.zeros(len(board.rows), np.int64)
        on = board.header, board.venues, board.rows, books.px, books.sz, books.cnt, books.n
        held, length = _replay_capture(events, *on, known, *seen)
    else:
        books, orders = Books(len(board.rows), _LEVELS), Orders(len(board.rows), _table_size(events))
        on = board.header, board.venues, board.rows, books.px, books.sz, books.cnt, books.n
        held, length = _replay(events, *on, orders.table, orders.state, *seen)
    return ReplayResult(kept[:held].copy(), x[:held].copy(), snaps[: max(held, 1)], path[:length])


def _table_size(events: npt.NDArray[np.int64]) -> int:
    """Slots for twice the orders that rest at once: a full table would lose orders."""
    orders = events[events[:, 1] == ORDER]
    first = np.zeros(len(orders), np.int64)
    first[np.unique(orders[:, 2], return_index=True)[1]] = 1
    most = int(np.cumsum(first - (orders[:, 5] <= 0)).max(initial=0))
    return max(_FEWEST_ORDERS, 2 * most)


def replay(session: Session, step_ms: float, seed: int = 0, with_changes: bool = False) -> Grid:
    """Replay a session with a row every `step_ms`, from 10 s after its first event to 10 s before its last; with
    changes, also about as many rows right after an event, where open quotes are looked at."""
    events = session.events
    margin = S.BIN_ENDS_MS[-1] * NS_PER_MS
    grid = np.arange(int(events[0, 0]) + margin, int(events[-1, 0]) - margin, round(step_ms * NS_PER_MS))
    wanted = grid
    if with_changes and len(grid):
        changes = np.unique(events[(events[:, 0] >= grid[0]) & (events[:, 0] < grid[-1]), 0])
        wanted = np.union1d(grid, changes[:: max(1, len(changes) // len(grid))])
    played = replay_at(session, wanted)
    times = wanted[played.kept]
    barriers = _barriers(played.x[:, S.SPREAD], np.random.default_rng(seed))
    passage = np.zeros((len(times), 2, N_BARRIERS), np.uint8)
    if len(times):
        ends, other_sides = np.array(S.BIN_ENDS_MS) * NS_PER_MS, np.ascontiguousarray(played.path[:, [0, 2, 1]])
        for path, part in ((played.path, slice(0, TOUCH)), (other_sides, slice(TOUCH, None))):
            found = np.zeros((len(times), 2, len(BARRIERS[part])), np.uint8)
            _label(path, times, np.ascontiguousarray(barriers[:, part]), ends, found)
            passage[:, :, part] = found
    return Grid(times, played.x, barriers, passage, np.isin(times, grid))


def _board(session: Session) -> Board:
    with tempfile.TemporaryDirectory() as folder:  # the mapping outlives the file
        board = Board.create(Path(folder) / "board", 3, 0)
    board.venues[0, L.V_STATE] = L.VENUE_UP
    half_life_ns = int(session.sentiment_half_life_s * 1e9)
    correlated, index = 1 if session.correlated_tick else -1, 2 if session.index_tick else -1
    initialise_row(
        board,
        0,
        venue=0,
        tick_size=session.tick,
        correlated=correlated,
        volatility_index=index,
        half_life_ns=half_life_ns,
    )
    for row, tick in ((1, session.correlated_tick), (2, session.index_tick)):
        initialise_row(board, row, venue=0, tick_size=tick or 1.0)
    return board


def _barriers(spread: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Barriers [n, N_BARRIERS] in the order of BARRIERS; the random one is up to three spreads plus ten ticks."""
    far = np.floor(np.exp(rng.random(len(spread)) * np.log(3 * spread + 10)))
    one = np.ones_like(spread)
    return np.stack((one, 2 * one, 3 * one, spread, spread + 1, 2 * spread, far, one), axis=1)
