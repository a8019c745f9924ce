"""A sleeping reader wakes up at a change, whichever process announces it, and sleeps through none."""

import multiprocessing as mp
import threading
import time

import numpy as np
import pytest

from quotelife.shm.change_signal import announce, changes_seen, wait_for_change
from quotelife.shm.layout import Layout
from quotelife.shm.region import Format, Region

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
CHANGES = HEADER.int64("changes", align=8)
WAITING = HEADER.int64("waiting")
FORMAT = Format("signal", HEADER, {"magic": 78}, lambda header: 16)
LONG_NS, SHORT_NS = 3_600 * 10**9, 1_000_000


def wait(words, seen: int, timeout_ns: int) -> None:
    wait_for_change(words, CHANGES, WAITING, seen, timeout_ns, np.zeros(2, np.int64))


@pytest.fixture
def path(tmp_path):
    with Region.create(tmp_path / "signal", FORMAT, {}):
        pass
    return tmp_path / "signal"


def sleep_through_changes(path: str, n: int) -> None:
    words = Region.attach(path, FORMAT).words
    for _ in range(n):
        wait(words, changes_seen(words, CHANGES), LONG_NS)


def test_another_process_wakes_the_reader(path):
    words, n = Region.attach(path, FORMAT).words, 3
    reader = mp.get_context("spawn").Process(target=sleep_through_changes, args=(str(path), n))
    reader.start()
    while reader.is_alive():
        if words[WAITING]:
            announce(words, CHANGES, WAITING)
        reader.join(0.001)
    assert reader.exitcode == 0 and words[CHANGES] >= n and words[WAITING] == 0


def test_reader_does_not_sleep_over_a_change_after_its_look(path):
    words = Region.attach(path, FORMAT).words
    seen = changes_seen(words, CHANGES)
    announce(words, CHANGES, WAITING)
    wait(words, seen, LONG_NS)
    assert words[WAITING] == 0


def test_reader_wakes_up_after_the_timeout(path):
    words = Region.attach(path, FORMAT).words
    began_ns = time.monotonic_ns()
    while time.monotonic_ns() - began_ns < 5 * SHORT_NS:
        wait(words, changes_seen(words, CHANGES), SHORT_NS)
    wait(words, 0, 0)
    wait(words, 0, -SHORT_NS)
    assert words[CHANGES] == 0 and words[WAITING] == 0


def test_count_beyond_the_futex_word_is_compared_by_its_lower_half(path):
    words = Region.attach(path, FORMAT).words
    words[CHANGES] = 2**40 - 1
    thread = threading.Thread(target=wait, args=(words, changes_seen(words, CHANGES), LONG_NS))
    thread.start()
    while not words[WAITING]:
        thread.join(0.001)
    while thread.is_alive():
        announce(words, CHANGES, WAITING)
        thread.join(0.001)
    assert words[CHANGES] >= 2**40
