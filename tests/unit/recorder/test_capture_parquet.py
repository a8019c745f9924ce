"""The capture on disk: rows are read back once, parts are merged, losses are counted and logged."""

import logging
import os
import subprocess
import sys
import time
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from quotelife.config import Client, Config, ConfigError, Instrument, Venue, check_capture
from quotelife.config.paths import RunPaths
from quotelife.config.sections import Capture, Paths
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.ledger.history import HitRow
from quotelife.market.capture import layout as L
from quotelife.market.capture.events import PRICES_OR_NONE, table, words_of
from quotelife.market.capture.ring import Ring
from quotelife.market.capture.writer import with_source, write_event, write_news
from quotelife.metrics.labels import CANCEL_REASONS, HIT_OUTCOMES
from quotelife.metrics.region import MetricsRegion
from quotelife.recorder.capture_archive import CaptureArchive
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.parquet_parts import Part, PartitionedParquet, Rotation, written_until
from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_models import schema as S

DAY_NS = 86_400 * NS_PER_S
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2  # 2024-10-04
SYMBOLS = ("BTC-USD", "EUR/USD")
FLUSH_S = 600.0  # never during a test; stopping flushes


def config_in(folder, venues=None, **keys):
    settings = {"enabled": True, "flush_s": FLUSH_S, **keys}
    return Config(
        paths=Paths(run=str(folder), data=str(folder)),
        capture=Capture(**settings),
        venue=[Venue(name=name, port=1, sender_comp_id="A", target_comp_id="B") for name in "VW"],
        instrument=[Instrument(symbol=s, tick="0.5", lot="1", venue=(venues or {}).get(s, "V")) for s in SYMBOLS],
        client=[Client(name="Fund", sessions=["F1", "F2"])],
        file=str(folder / "quotelife.toml"),
    )


class Rig:
    """A ring of 256 events and an archive that follows it."""

    def __init__(self, folder, **keys):
        self.folder, self.config = folder, config_in(folder, **keys)
        self.run = RunPaths(folder / "run")
        self.run.directory.mkdir()
        self.ring = Ring.create(self.run.capture, 256, len(SYMBOLS), NOON_NS, 0)
        self.metrics = RecorderMetrics(folder / "metrics-recorder", self.config)
        self.archive = None
        self.start()

    def start(self):
        self.archive = CaptureArchive(self.config, self.run, self.metrics)

    def trades(self, count, row=0, first=0, received_ns=0):
        for n in range(first, first + count):
            write_event(self.ring.words, L.TRADE, 0, row, received_ns + n, 7, n, 10 + n, -1, 1)

    def flush(self):
        """Stop the archive as a recorder does on SIGTERM."""
        self.archive.step(mono_ns())
        self.archive.close()

    def read(self, kind="events"):
        return pl.read_parquet(self.folder / "capture" / kind).sort("sequence")

    def files(self, kind="events"):
        return sorted(path.name for path in (self.folder / "capture" / kind).rglob("part-*"))

    def count(self, family, **labels):
        attached = MetricsRegion.attach(self.folder / "metrics-recorder")
        return int(attached.values[attached.counter(family, **labels)])

    def dropped(self, what):
        return self.count("quotelife_capture_dropped_total", what=what)


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_events_are_read_back_word_for_word(tmp_path):
    ring = Ring.private(1)
    w = ring.words
    write_event(w, L.START, 0, 0, 1, 0, 0, 0, 0, 0)
    write_event(w, L.LEVEL, 1, 0, 2, 99, -5, 7, 3, 0)
    write_event(w, L.BOOK, 0, 0, 3, 98, 10, 12, 1 | 2 << 16 | 3 << 32 | 4 << 48, 0)
    write_event(w, L.TRADE, 0, 0, 4, 97, 11, 5, 0, -1)
    write_event(w, L.STATE, 2, 0, 5, 0, 0, 0, 0, 0)
    write_event(w, L.HALTED, 1, 0, 6, 0, 0, 0, 0, 0)
    write_news(w, 0, 7, -0.3)
    write_event(w, L.KEYFRAME, 1, 0, 8, 96, 20, 300, -(2**61), -(2**61))
    write_event(w, L.KEYFRAME, 1, 0, 8, 96, 20, 300, L.NO_PRICE, -(2**61))
    write_event(w, L.BOOK, 0, 0, 8, 98, L.NO_PRICE, 12, 0, 0)
    write_event(w, L.IMAGE, 0, 0, 8, 0, 1, 2, 3, 0)
    write_event(w, L.MEMORY, 3, 0, 8, 0, 10**15, np.float64(0.25).view(np.int64), 0, 7)
    write_event(w, L.KEYFRAME_END, 1, 0, 9, 95, 44, 4, np.float64(0.5).view(np.int64), 3)
    write_event(w, L.LOST, 0, 0, 10, 0, 12, 0, 0, 0)
    words = ring.events[: ring.header[L.H_NEXT]].copy()
    frame = pl.from_arrow(table(np.arange(len(words)), words, run=5))
    assert frame["venue"].null_count() == len(words)
    codes = frame.drop("venue").with_columns(pl.col("kind").cast(pl.Enum(L.KIND_NAMES)).to_physical())
    nulls = {name: L.NO_PRICE if name in PRICES_OR_NONE else 0 for name in codes.columns}
    columns = {name: codes[name].fill_null(null).to_numpy() for name, null in nulls.items()}
    assert (words_of(columns, row=0) == words).all()
    assert frame.row(2, named=True)["ask_cancels"] == 4 and frame.row(2, named=True)["price"] is None


def test_each_event_has_the_name_of_its_venue():
    ring = Ring.private(3)
    for detail in (0, with_source(0, 0), with_source(0, 2)):
        write_event(ring.words, L.TRADE, detail, 0, 1, 0, 5, 1, 1, 1)
    words = ring.events[:3].copy()

    def venue(*of):
        return pl.from_arrow(table(np.arange(3), words, 5, *of))["venue"].to_list()

    assert venue(["A", "B", "C"]) == [None, "A", "C"]
    assert venue(["A"]) == ["A", "A", "A"]
    assert venue(["A", "B"], np.array([1, 0, -1])) == ["B", "A", None]


def test_books_of_several_venues_are_stored_beside_the_instruments(tmp_path):
    rig = Rig(tmp_path, venues={"EUR/USD": ["V", "W"]})
    rig.trades(1, row=0)  # BTC-USD
    write_event(rig.ring.words, L.TRADE, 0, 3, 8, 7, 30, 1, -1, 1)  # EUR/USD at W
    write_event(rig.ring.words, L.TRADE, with_source(0, 1), 1, 8, 7, 30, 1, -1, 1)  # so of the instrument
    write_event(rig.ring.words, L.TRADE, 0, 2, 8, 7, 31, 1, -1, 1)  # at V, that is not its part
    rig.flush()
    assert rig.read().select("symbol", "venue", "price").rows() == [("BTC-USD", "V", 0), ("EUR/USD", "W", 30)]
    rows = rig.read("sources").select("symbol", "venue", "price").rows()
    assert rows == [("EUR/USD", "W", 30), ("EUR/USD", "V", 31)]
    assert rig.count("quotelife_capture_rows_total", kind="sources") == 2
    rig.start()
    rig.flush()  # nothing is written again
    assert len(rig.read()) == 2 and len(rig.read("sources")) == 2


def test_files_are_by_day_and_symbol(rig):
    rig.trades(3, row=0)
    rig.trades(2, row=1, received_ns=DAY_NS // 2)  # on the next day
    rig.flush()
    rows = rig.read()
    assert rows.group_by("day", "symbol").len().sort("day").rows() == [
        (date(2024, 10, 4), "BTC-USD", 3),
        (date(2024, 10, 5), "EUR/USD", 2),
    ]
    assert rows["price"].to_list() == [0, 1, 2, 0, 1] and rows["wall_ns"][0] == NOON_NS
    assert rig.count("quotelife_capture_rows_total", kind="events") == 5
    assert (rig.folder / "capture" / "instruments.json").exists()


def test_parts_are_merged_into_one_file(tmp_path):
    parts = PartitionedParquet(tmp_path, Rotation(after_s=1e9, size_bytes=10**9))
    rows = pa.table({"sequence": list(range(10)), "kind": ["x"] * 10})
    for n in range(5):
        parts.write(rows, "2024-10-04", "A", Part(1, 10 * n, 10 * n + 10, new=True))
    assert len(list(tmp_path.rglob("*-new.parquet"))) == 5 and len(pl.read_parquet(tmp_path)) == 50
    parts.rotate()
    assert len(list(tmp_path.rglob("*-new.parquet"))) == 5  # not due yet
    parts.rotate(everything=True)
    assert [p.name for p in tmp_path.rglob("*.parquet")] == ["part-1-0-50.parquet"]
    assert len(pl.read_parquet(tmp_path)) == 50
    assert parts.size == sum(p.stat().st_size for p in tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("rotation", [Rotation(after_s=0.0, size_bytes=10**9), Rotation(after_s=1e9, size_bytes=1)])
def test_parts_rotate_by_time_and_by_size(tmp_path, rotation):
    parts = PartitionedParquet(tmp_path, rotation)
    parts.write(pa.table({"sequence": [1]}), "2024-10-04", None, Part(1, 0, 1, new=True))
    parts.rotate()
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.parquet")] == [
        "day=2024-10-04/symbol=__HIVE_DEFAULT_PARTITION__/part-1-0-1.parquet"
    ]


def test_merged_parts_left_by_a_crash_are_removed(tmp_path):
    """A crash between the merge and the removal of the parts, and another one while a part is written."""
    folder = tmp_path / "events"
    parts = PartitionedParquet(folder, Rotation(1e9, 10**9))
    rows = pa.table({"sequence": [1]})
    for part in (
        Part(1, 0, 5, True),
        Part(1, 5, 9, True),
        Part(1, 0, 9, False),
        Part(1, 9, 12, True),
        Part(2, 0, 5, True),
    ):
        parts.write(rows, "2024-10-04", "A", part)
    (tmp_path / ".events-unfinished" / "part-1-12-13-new.parquet").write_bytes(b"half")
    PartitionedParquet(folder, Rotation(1e9, 10**9))
    assert not list((tmp_path / ".events-unfinished").iterdir())
    names = sorted(p.name for p in folder.rglob("part-*"))
    assert names == ["part-1-0-9.parquet", "part-1-9-12-new.parquet", "part-2-0-5-new.parquet"]
    assert written_until(folder, 1) == (9, {"symbol=A": 12}) and written_until(folder, 3) == (None, {})


def test_a_recorder_continues_where_the_last_one_stopped(rig):
    rig.trades(5)
    rig.flush()
    rig.trades(5, first=5)
    rig.trades(2, row=1)
    rig.start()
    rig.flush()
    assert rig.read()["sequence"].to_list() == list(range(12))
    assert rig.dropped("ring") == 0 and rig.read()["kind"].unique().to_list() == ["trade"]


def test_overwritten_events_are_counted_and_reported(rig):
    rig.trades(1, row=1)
    rig.archive.step(mono_ns())
    rig.trades(300)
    rig.archive.step(mono_ns())
    rig.trades(1, row=1, first=9)
    rig.flush()
    assert rig.dropped("ring") == 300 - 256
    lost = rig.read().filter(kind="lost")
    assert lost.select("symbol", "lost").sort("symbol").rows() == [("BTC-USD", 44), ("EUR/USD", 44)]
    by_symbol = rig.read().filter(symbol="EUR/USD")
    assert by_symbol["kind"].to_list() == ["trade", "lost", "trade"]


def test_a_late_recorder_reports_missing_events(rig):
    rig.trades(5)
    rig.flush()
    rig.trades(300, first=5)
    rig.start()
    rig.flush()
    assert rig.dropped("ring") == 300 - 256 and rig.read()["lost"].drop_nulls().to_list() == [44]


def hit(number, quote_id="Q1", symbol="BTC-USD"):
    return HitRow(number, quote_id, "H1", "filled", "Fund", symbol, 1, 204, 5, NOON_NS, 77, 1000, 1)


def record_of(kind, row=0, model=2, **words):
    record = Record()
    record.kind, record.row, record.wall_ns, record.mono_ns, record.session = kind, row, NOON_NS, 77, 2
    record.model = model
    for name, value in words.items():
        record.words[getattr(J, name.upper())] = value
    record.quote_id = "Q1"
    record.request_id = "R1"
    return record


def test_a_decision_is_read_back_with_all_its_inputs(rig):
    record = record_of(J.KIND_QUOTE, side=1, lifetime_ns=250, parameters=0x1122, offer_px=204, board_version=8)
    record.features[:] = np.arange(S.N_FEATURES) / 3
    record.contexts[1][:] = np.arange(S.N_CONTEXT) / 7
    record.contexts[1][S.SIDE] = 1.0
    record.decisions[1][:] = np.arange(len(record.decisions[1])) / 11
    record.decisions[1][1] = 6.0
    rig.archive.add_record(record)
    rig.archive.add_record(record_of(J.KIND_REJECT, row=1, model=-1, outcome=4))
    rig.flush()
    quote, refusal = rig.read("decisions").rows(named=True)
    assert [quote[name] for name in S.NAMES] == record.features.tolist()
    assert [quote[f"offer_{name}"] for name in S.CONTEXT_NAMES] == record.contexts[1].tolist()
    assert (quote["model"], quote["offer_reason"], quote["session"], quote["client"]) == (
        *("liquidity_provider", "value_peak", "F2", "Fund"),
    )
    assert (quote["quote_id"], quote["parameters"], quote["lifetime_ns"], quote["board_version"]) == (
        *("Q1", "2211000000000000", 250, 8),
    )
    curve = record.decisions[1][-S.N_BINS :]
    assert [quote[f"offer_p_pick_off_{ms}ms"] for ms in S.BIN_ENDS_MS] == curve.tolist()
    assert quote["bid_edge"] is None and refusal["spread"] is None
    assert (refusal["refusal"], refusal["model"], refusal["symbol"]) == ("duplicate", None, "EUR/USD")


def test_outcomes_and_markouts_are_in_one_table(rig):
    rig.archive.add_record(
        record_of(J.KIND_FILL, side=1, offer_px=204, quantity=5, outcome=HIT_OUTCOMES.index("filled"))
    )
    rig.archive.add_record(record_of(J.KIND_CANCEL, outcome=CANCEL_REASONS.index("market_moved")))
    rig.archive.expect_markouts(3, hit(3))
    rig.archive.add_markout(3, -1, None, 1.5, False)
    rig.archive.add_markout(3, 0, 0.5, 1.5, False)
    rig.archive.add_markout(3, 1, None, 1.5, False)
    rig.archive.add_markout(3, 2, -2.0, 1.5, True)
    rig.archive.add_markout(3, 2, 9.0, 1.5, True)  # not expected any more
    rig.flush()
    rows = rig.read("outcomes").select("kind", "outcome", "price", "horizon", "markout", "edge", "quote_id").rows()
    assert sorted(rows, key=str) == [
        ("cancel", "market_moved", None, None, None, None, "Q1"),
        ("fill", "filled", 204, None, None, None, "Q1"),
        ("markout", None, None, "100ms", 0.5, 1.5, "Q1"),
        ("markout", None, None, "10s", -2.0, 1.5, "Q1"),
    ]


def test_a_multileg_has_no_symbol(rig):
    rig.archive.add_record(record_of(J.KIND_QUOTE, row=-1))
    rig.flush()
    assert rig.read("decisions")["symbol"].to_list() == [None]


def test_above_the_size_limit_rows_are_dropped_and_counted(tmp_path, caplog):
    rig = Rig(tmp_path, max_gb=1e-9)
    rig.trades(5)
    rig.flush()
    rig.start()
    rig.trades(6, first=5)
    with caplog.at_level(logging.INFO):
        rig.flush()
    assert rig.dropped("events") == 6 and rig.read()["sequence"].to_list() == list(range(5))
    assert [r.message for r in caplog.records if "max_gb" in r.message] and len(caplog.records) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no file system can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_is_survived_counted_and_logged_once(small_disk, caplog):
    rig = Rig(small_disk, flush_s=0.2)
    filler = small_disk / "filler"
    full = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="space"):
        while True:
            os.write(full, b"x" * 4096)
    os.close(full)
    with caplog.at_level(logging.INFO):
        for n in range(3):
            rig.trades(2, first=2 * n)
            await_written(rig, rig.archive._written_ns)
        assert rig.dropped("events") == 6
        filler.unlink()
        rig.trades(4, first=6)
        rig.flush()
    rows = rig.read()
    assert rows["kind"].to_list() == ["lost", "trade", "trade", "trade", "trade"]
    assert rows["lost"][0] == 6 and rows["price"].to_list()[1:] == [6, 7, 8, 9]
    assert [r.levelname for r in caplog.records] == ["ERROR", "WARNING"]


def await_written(rig, before_ns):
    deadline = time.monotonic() + 10
    while rig.archive._written_ns == before_ns:
        rig.archive.step(mono_ns())
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_pyarrow_a_capture_is_refused(tmp_path):
    config = config_in(tmp_path)
    assert check_capture(config) is None
    off = config_in(tmp_path, enabled=False)
    before, sys.path[:] = sys.path[:], [p for p in sys.path if "packages" not in p]
    before_module = sys.modules.pop("pyarrow")
    try:
        with pytest.raises(ConfigError, match=r"capture\.enabled = true: needs pyarrow: pip install '.*\[capture\]'"):
            check_capture(config)
        assert check_capture(off) is None
    finally:
        sys.path[:] = before
        sys.modules["pyarrow"] = before_module
