"""The capture ring: what is written is read, and what a reader was too slow for is counted exactly."""

import os

import numpy as np
import pytest

from quotelife.market.board import layout as B
from quotelife.market.capture import layout as L
from quotelife.market.capture.ring import CaptureFollower, CaptureReader, Ring, best_prices
from quotelife.market.capture.writer import write_event, write_status
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import invalidate_books
from quotelife.shm.region import RegionError
from tests.unit.marketdata.decoder_rig import REQUEST, Rig

N = 64


@pytest.fixture
def ring(tmp_path):
    return Ring.create(tmp_path / "capture", N, 2, wall_ns=5_000, mono_ns=1_000)


def write(ring, count, first=0):
    for n in range(first, first + count):
        write_event(ring.words, L.TRADE, 0, 1, n, 0, n, 10 * n, -1, 1)


def test_an_event_is_read_as_it_was_written(ring, tmp_path):
    reader = CaptureReader(tmp_path / "capture", from_start=True)
    write_event(ring.words, L.LEVEL, 1, 7, 1_500, 99, -3, 4, 2, 0)
    block = reader.read()
    assert block.first == 0 and list(block.kind) == [L.LEVEL] and list(block.row) == [7]
    assert block.words[0, L.KIND_WORD] >> L.DETAIL_SHIFT & L.BYTE == 1
    assert block.words[0, L.RECEIVED_NS] == 1_500 and list(block.words[0, L.WALL_NS :]) == [5_500, 99, -3, 4, 2, 0]
    assert len(reader.read().words) == 0 and reader.lost == 0


@pytest.mark.parametrize("written", [1, N - 1, N, N + 1, 3 * N + 5])
def test_lost_events_are_counted_exactly(ring, tmp_path, written):
    reader = CaptureReader(tmp_path / "capture", from_start=True)
    write(ring, written)
    block = reader.read()
    kept = min(written, N)
    assert list(block.words[:, L.A]) == list(range(written - kept, written))
    assert (block.first, reader.lost, reader.position) == (written - kept, written - kept, written)


def test_an_event_that_is_being_written_is_not_returned(ring, tmp_path):
    """The writer has announced event N, which overwrites event 0, and has not finished it."""
    reader = CaptureReader(tmp_path / "capture", from_start=True)
    write(ring, N)
    ring.header[L.H_INTENT] = N + 1
    block = reader.read()
    assert block.first == 1 and len(block.words) == N - 1 and reader.lost == 1


def test_reads_are_limited(ring, tmp_path):
    reader = CaptureReader(tmp_path / "capture", from_start=True)
    write(ring, 10)
    sizes = [len(reader.read(4).words) for _ in range(4)]
    assert sizes == [4, 4, 2, 0]


def test_a_new_ring_is_read_after_the_end_of_the_old_one(ring, tmp_path):
    follower = CaptureFollower(tmp_path / "capture")
    assert CaptureFollower(tmp_path / "none").read() is None
    write(ring, 3)
    assert follower.read().first == 0 and follower.run == 5_000
    write(ring, 2, first=3)
    fresh = Ring.create(tmp_path / "capture", N, 2, wall_ns=6_000, mono_ns=1_000)
    write(fresh, N + 4)
    assert list(follower.read().words[:, L.A]) == [3, 4] and follower.run == 5_000
    block = follower.read()
    assert block.first == 4 and len(block.words) == N and follower.run == 6_000
    assert follower.read() is None and follower.lost == 4


@pytest.mark.parametrize("content", [b"", b"x" * 100, np.zeros(L.HEADER_WORDS + 8, np.int64).tobytes()])
def test_a_file_that_is_not_a_ring_is_refused(tmp_path, content):
    (tmp_path / "capture").write_bytes(content)
    with pytest.raises(RegionError, match="capture"):
        CaptureReader(tmp_path / "capture")


def test_a_ring_cut_short_is_refused(ring, tmp_path):
    os.truncate(tmp_path / "capture", 8 * (L.HEADER_WORDS + 9))
    with pytest.raises(RegionError, match="not a whole capture ring"):
        CaptureReader(tmp_path / "capture")


def test_a_ring_needs_a_power_of_two_events():
    with pytest.raises(ValueError, match="power of two"):
        Ring.private(1, 48)


def events(rig):
    """(kind, detail, row, values) of what the decoder has written."""
    words = rig.shared.capture.events[: rig.shared.capture.header[L.H_NEXT]]
    return [
        (
            L.KIND_NAMES[e[L.KIND_WORD] & L.BYTE],
            int(e[L.KIND_WORD] >> L.DETAIL_SHIFT & L.BYTE),
            int(e[L.KIND_WORD] >> L.ROW_SHIFT),
            e[L.A :].tolist(),
        )
        for e in words
    ]


def test_a_message_becomes_level_events_and_one_book_event():
    rig = Rig()
    bid, offer = [(269, 0), (270, "5"), (271, 9)], [(269, 1), (270, "6"), (271, 8)]
    rig.receive("W", (55, "A"), (262, REQUEST), (268, 2), *bid, *offer)
    new_bid, trade = [(279, 1), (269, 0), (55, "A"), (270, "5.5"), (271, 3)], [(279, 0), (269, 2), (270, 6), (271, 1)]
    rig.receive("X", (268, 2), *new_bid, *trade)
    assert events(rig) == [
        ("clear", 0, 0, [0, 0, 0, 0]),
        ("level", 0, 0, [10, 9, 1, 0]),
        ("level", 1, 0, [12, 8, 1, 0]),
        ("book", 0, 0, [10, 12, 0, 0]),
        ("level", 0, 0, [11, 3, 1, 0]),
        ("trade", 0, 0, [12, 1, 0, 1]),
        ("book", 0, 0, [11, 12, 1, 0]),
    ]
    invalidate_books(rig.addresses, np.array([0, 1]), rig.now_ns, B.BOOK_DISCONNECTED, M.R_NONE)
    assert events(rig)[7:] == [
        (kind, detail, row, [0, 0, 0, 0])
        for row in (0, 1)
        for kind, detail in (("clear", 0), ("state", B.BOOK_DISCONNECTED))
    ]


def test_an_order_with_a_new_price_changes_two_levels():
    rig = Rig(by_order=True)
    rig.receive("W", (55, "A"), (262, REQUEST), (268, 1), (269, 0), (278, "x"), (270, "5"), (271, 9))
    rig.receive("X", (268, 1), (279, 1), (269, 0), (278, "x"), (55, "A"), (270, "5.5"), (271, 4))
    rig.receive("X", (268, 1), (279, 2), (278, "x"), (55, "A"))
    adds_and_cancels = 1 | 1 << 2 * L.COUNT_BITS
    assert events(rig)[3:] == [
        ("level", 0, 0, [10, 0, 0, 0]),
        ("level", 0, 0, [11, 4, 1, 0]),
        ("book", 0, 0, [11, L.NO_PRICE, adds_and_cancels, 0]),
        ("level", 0, 0, [11, 0, 0, 0]),
        ("book", 0, 0, [L.NO_PRICE, L.NO_PRICE, 1 << 2 * L.COUNT_BITS, 0]),
    ]


def test_best_prices_over_time(ring, tmp_path):
    write_event(ring.words, L.BOOK, 0, 1, 100, 0, 10, 12, 0, 0)
    write_status(ring.words, L.STATE, B.BOOK_GAP, 1, 150)
    write_event(ring.words, L.BOOK, 0, 0, 200, 0, 7, L.NO_PRICE, 0, 0)
    seen = best_prices(CaptureReader(tmp_path / "capture", from_start=True).read())
    assert [column.tolist() for column in seen] == [[1, 0], [100, 200], [10, 7], [12, L.NO_PRICE]]
