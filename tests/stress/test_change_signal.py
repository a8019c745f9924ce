"""Two processes answer each other's changes as fast as they can; a change that one sleeps over would stop both."""

import multiprocessing as mp

import numpy as np
import pytest
from numba import njit

from quotelife.shm.change_signal import announce, changes_seen, wait_for_change
from quotelife.shm.clocks import MONOTONIC, clock_ns
from quotelife.shm.layout import Layout
from quotelife.shm.region import Format, Region

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
LINE_WORDS = 8
PING = HEADER.int64("ping", align=LINE_WORDS)  # the count, followed by the reader's flag
HEADER.int64("ping_waiting")
PONG = HEADER.int64("pong", align=LINE_WORDS)
HEADER.int64("pong_waiting")
DATA = HEADER.int64("data", align=LINE_WORDS)
FORMAT = Format("signal", HEADER, {"magic": 79}, lambda header: 32)
ROUNDS = 100_000
TIMEOUT_NS = 10_000_000_000  # no wake-up takes so long; a lost one does


@njit(cache=True)
def wait_for(words, changes, count, delay, timespec):
    """Wait until the other side has made `count` changes. Returns the number of waits, and of those that ran into the
    timeout. A wait may return early: a writer that is stopped between its two steps wakes up the reader of later."""
    waits = timeouts = 0
    while True:
        seen = changes_seen(words, changes)
        if seen >= count:
            return waits, timeouts
        for _ in range(delay):  # so that some changes come between the look and the wait
            changes_seen(words, changes)
        began_ns = clock_ns(MONOTONIC, timespec.ctypes.data)
        wait_for_change(words, changes, changes + 1, seen, TIMEOUT_NS, timespec)
        waits += 1
        timeouts += clock_ns(MONOTONIC, timespec.ctypes.data) - began_ns >= TIMEOUT_NS


@njit(cache=True)
def play(words, is_first, timespec):
    """The rounds of one side: (waits, waits that ran into the timeout, rounds in which the other's data was old)."""
    mine, theirs = (PING, PONG) if is_first else (PONG, PING)
    waits = timeouts = old = 0
    for k in range(ROUNDS):
        if not is_first or k > 0:
            n, lost = wait_for(words, theirs, k + 1 - is_first, k % 400, timespec)
            waits, timeouts = waits + n, timeouts + lost
            old += words[DATA] != 2 * k + 1 - is_first
        words[DATA] += 1
        announce(words, mine, mine + 1)
    return waits, timeouts, old


def answer(path: str) -> None:
    _, timeouts, old = play(Region.attach(path, FORMAT).words, False, np.zeros(2, np.int64))
    raise SystemExit(min(timeouts + old, 100))


@pytest.mark.slow
def test_no_change_is_slept_over(tmp_path):
    with Region.create(tmp_path / "signal", FORMAT, {}) as region:
        words = region.words
    other = mp.get_context("spawn").Process(target=answer, args=(str(tmp_path / "signal"),))
    other.start()
    waits, timeouts, old = play(words, True, np.zeros(2, np.int64))
    other.join(60)
    assert other.exitcode == 0
    assert (timeouts, old) == (0, 0)
    assert words[DATA] == 2 * ROUNDS and waits > 100, "the reader must have slept"
