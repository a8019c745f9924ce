"""Mids of past moments, read from the rings while their writer goes round them: never one from after the moment."""

import multiprocessing as mp
import time

from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.features.update import publish
from quotelife.recorder.markouts import UNKNOWN, mid2_at

MS = 1_000_000
SECONDS = 4.0
# The newest boundary, the middle, both sides of the fast ring's end, and the slow ring.
BACK_MS = (20, 400, 1_255, 1_265, 1_275, 1_285, 2_000)
LATE_MS = 1_000  # for how long a busy machine may keep the writer from writing


def writer(path: str, start_ns: int, stop) -> None:
    """A book whose mid is the time of its last change, in milliseconds since the start."""
    board, books = Board.attach(path), Books(1, 2)
    while not stop.is_set():
        now_ns = time.monotonic_ns()
        price = 1 + (now_ns - start_ns) // MS
        clear(books.n, 0)
        for side in range(2):
            set_level(books.px, books.sz, books.cnt, books.n, 0, side, price + side, 1)
        publish(board.rows, 0, now_ns, 0, books.px, books.sz, books.n, 0, 0, 0, 0)
        board.header[L.H_HEARTBEAT_NS] = board.venues[0, L.V_LAST_RECEIVED_NS] = now_ns


def test_markout_mid_is_never_newer_than_its_time(tmp_path):
    start_ns = time.monotonic_ns()
    board = Board.create(tmp_path / "board", 1, start_ns)
    initialise_row(board, 0, venue=0, tick_size=1.0)
    context = mp.get_context("spawn")
    stop = context.Event()
    writing = context.Process(target=writer, args=(str(tmp_path / "board"), start_ns, stop), daemon=True)
    writing.start()
    while board.rows[0, L.UPDATES] == 0:
        time.sleep(0.01)
    first_ns = int(board.rows[0, L.FIRST_EVENT_NS])
    time.sleep(2.5)
    wrong, unknown, good = [], 0, 0
    end_ns = time.monotonic_ns() + int(SECONDS * 1e9)
    while time.monotonic_ns() < end_ns and writing.is_alive():
        for back_ms in BACK_MS:
            moment_ns = time.monotonic_ns() - back_ms * MS
            if moment_ns < first_ns + 200 * MS:
                continue
            mid2 = mid2_at(board.header, board.venues, board.rows, 0, moment_ns)
            at_ms, moment_ms = (mid2 - 3) // 2, (moment_ns - start_ns) // MS
            if mid2 == UNKNOWN:
                unknown += 1
            elif moment_ms - 100 - LATE_MS <= at_ms <= moment_ms:
                good += 1
            else:
                wrong.append((back_ms, at_ms, moment_ms))
    stop.set()
    writing.join(20)
    assert wrong == []
    assert good > 10_000 and unknown < good / 100, (good, unknown)
