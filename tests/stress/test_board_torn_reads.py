"""One process writes a row as fast as it can while another reads it: no reading may mix two versions."""

import multiprocessing as mp
import time

import numpy as np
import pytest
from numba import njit

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.levels import Books
from quotelife.market.features.evaluate import evaluate
from quotelife.market.features.update import publish
from quotelife_models import schema as S

N_READS = 30_000  # in one go


@njit(cache=True)
def write(rows, px, sz, n, count, now_ns):
    """Books whose every number follows from one counter, so that a mixture shows."""
    for k in range(1, count + 1):
        for side in range(2):
            for i in range(L.DEPTH):
                px[0, side, i] = 1000 * k + (i if side == 0 else 2 * L.DEPTH - i)
                sz[0, side, i] = k
            n[0, side] = L.DEPTH
        publish(rows, 0, now_ns + k, 0, px, sz, n, 0, 0, 0, 0)


@njit(cache=True)
def read(header, venues, rows, now_ns, x, snap, count):
    """(torn readings, readings that found a new book, busy ones)."""
    torn, fresh, busy, last = 0, 0, 0, 0
    for _ in range(count):
        status = evaluate(header, venues, rows, 0, now_ns, x, snap)
        if status == L.STATUS_BUSY:
            busy += 1
            continue
        if status != L.STATUS_OK:
            continue
        k = snap[L.SNAP_BID_SZ]
        fresh += k != last
        last = k
        right = x[S.BID_DEPTH_10] == k * L.DEPTH and x[S.ASK_DEPTH_10] == k * L.DEPTH
        for i in range(L.DEPTH):
            right &= snap[L.SNAP_BID_SZ + i] == k and snap[L.SNAP_ASK_SZ + i] == k
            right &= snap[L.SNAP_BID_PX + i] == 1000 * k + L.DEPTH - 1 - i
            right &= snap[L.SNAP_ASK_PX + i] == 1000 * k + L.DEPTH + 1 + i
        torn += not right
    return torn, fresh, busy


def writer(path: str, stop) -> None:
    board, books = Board.attach(path), Books(1, 16)
    while not stop.is_set():
        write(board.rows, books.px, books.sz, books.n, 20_000, time.monotonic_ns())


@pytest.mark.slow
def test_no_reading_is_torn(tmp_path):
    now = time.monotonic_ns()
    board = Board.create(tmp_path / "board", 1, now)
    initialise_row(board, 0, venue=0, tick_size=1.0, stale_after_ns=10**18)
    board.venues[0, L.V_STATE] = L.VENUE_UP
    board.venues[0, L.V_LAST_RECEIVED_NS] = now
    x, snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
    read(board.header, board.venues, board.rows, now, x, snap, 1)  # compile before the clock runs
    context = mp.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=writer, args=(str(tmp_path / "board"), stop))
    process.start()
    try:
        torn = fresh = 0
        while fresh < 2_000 and process.is_alive():
            board.beat(now)
            some_torn, some_fresh, _busy = read(board.header, board.venues, board.rows, now, x, snap, N_READS)
            torn, fresh = torn + some_torn, fresh + some_fresh
    finally:
        stop.set()
        process.join(30)
    assert process.exitcode == 0
    assert torn == 0
    assert fresh >= 2_000, "the reader must have seen the writer at work"
