"""The journal ring: order, overrun, restart, and a reader racing the writer."""

import multiprocessing as mp

import numpy as np
import pytest

from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.journal.ring import Reader, Writer
from quotelife.shm.region import RegionError


def record_of(n: int) -> Record:
    record = Record()
    record.words[1:] = n
    record.quote_id = f"Q-{n}"
    return record


def test_records_come_back_in_order_with_their_texts(tmp_path):
    writer = Writer(tmp_path / "journal", 8)
    reader = Reader(tmp_path / "journal")
    for n in range(5):
        assert writer.append(record_of(n)) == n
    got = list(reader.read())
    assert [r.quote_id for r in got] == [f"Q-{n}" for n in range(5)]
    assert [r.model for r in got] == list(range(5))
    assert list(reader.read()) == [] and reader.lost == 0


def test_a_slow_reader_loses_the_oldest_records_and_counts_them(tmp_path):
    writer, reader = Writer(tmp_path / "journal", 8), Reader(tmp_path / "journal")
    for n in range(20):
        writer.append(record_of(n))
    got = [r.quote_id for r in reader.read()]
    assert reader.lost + len(got) == 20
    assert got == [f"Q-{n}" for n in range(20 - len(got), 20)] and len(got) >= 7


def test_the_records_of_one_quote_are_found_as_long_as_the_ring_has_them(tmp_path):
    writer, reader = Writer(tmp_path / "journal", 8), Reader(tmp_path / "journal")
    for n in (1, 2, 1, 12, 1):
        writer.append(record_of(n))
    assert [r.quote_id for r in reader.of_quote("Q-1")] == ["Q-1"] * 3
    assert reader.of_quote("Q-") == reader.of_quote("") == reader.of_quote("Q-" + "1" * 100) == []
    for _ in range(4):
        writer.append(record_of(3))  # the fourth overwrites the first
    assert [int(r.words[J.SEQUENCE]) for r in reader.of_quote("Q-1")] == [2, 4]
    assert reader.position == 0 and reader.lost == 0


def test_a_restarted_writer_continues(tmp_path):
    Writer(tmp_path / "journal", 8).append(record_of(1))
    assert Writer(tmp_path / "journal", 8).append(record_of(2)) == 1
    assert [r.quote_id for r in Reader(tmp_path / "journal", from_start=True).read()] == ["Q-1", "Q-2"]


def test_a_journal_of_another_layout_is_renamed(tmp_path):
    Writer(tmp_path / "journal", 8).append(record_of(1))
    assert Writer(tmp_path / "journal", 16).append(record_of(2)) == 0
    assert (tmp_path / "journal.old").exists()


def test_a_file_that_is_not_a_journal_is_refused(tmp_path):
    with pytest.raises(RegionError):
        Reader(tmp_path / "journal")
    (tmp_path / "journal").write_bytes(b"x" * 4096)
    with pytest.raises(RegionError, match="not a journal"):
        Reader(tmp_path / "journal")


def test_views_of_a_record_do_not_overlap():
    record = Record()
    parts = [record.features, *record.contexts, *record.decisions]
    for k, part in enumerate(parts):
        part[:] = k + 1
    assert [set(part) for part in parts] == [{float(k + 1)} for k in range(5)]
    assert not record.words[: J.FEATURES].any()


def test_text_is_cut_to_what_fits():
    record = Record()
    record.request_id = "é" * 100
    assert record.request_id == "é" * 32
    assert record.quote_id == ""


def write_many(path: str, count: int) -> None:
    writer, record = Writer(path, 64), Record()
    for n in range(count):
        record.words[1:] = n
        writer.append(record)


def test_no_read_is_torn_while_the_writer_laps_the_reader(tmp_path):
    path, count = tmp_path / "journal", 200_000
    Writer(path, 64)
    reader = Reader(path)
    process = mp.get_context("spawn").Process(target=write_many, args=(str(path), count))
    process.start()
    seen, last = 0, -1
    while reader.position < count and (process.is_alive() or process.exitcode == 0):
        for record in reader.read():
            assert np.all(record.words[1:] == record.words[1]), "torn"
            assert record.words[1] == record.words[J.SEQUENCE] > last
            last = int(record.words[1])
            seen += 1
    process.join(30)
    assert process.exitcode == 0
    assert seen + reader.lost == count and seen > 64
