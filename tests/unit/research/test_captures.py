"""A capture as data for the fit: the same rows as from a file of quotes, and no rows after a loss of events."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quotelife.market.board import layout as B
from quotelife.market.book.levels import LEVELS, Books
from quotelife.market.capture import layout as L
from quotelife.market.capture.apply import COMPLETE, UNKNOWN, apply
from quotelife.market.capture.events import table
from quotelife.market.capture.ring import Ring
from quotelife.market.capture.writer import pack_counts, write_keyframe
from quotelife.recorder.parquet_parts import Part, PartitionedParquet, Rotation, day_of
from quotelife_research.calibration.command import run
from quotelife_research.data import captures, files
from quotelife_research.data import sources as Q
from quotelife_research.data.files import DataError
from quotelife_research.data.replay import replay, replay_at
from quotelife_research.data.session import PRINT, Session
from tests.unit.research.test_calibrate import make_market
from tests.unit.research.test_replay import T0, session

RUN = 7
DAY = date(1970, 1, 1)
_BOOTED_NS = 123_456_789  # wall clock at which the monotonic clock was 0


def captured(of: Session) -> np.ndarray:
    """Events of the capture ring for the quotes and trades of a session, with row 0."""
    found, best = [], [None, None]

    def put(at, kind, detail=0, a=0, b=0, c=0, d=0):
        found.append([at - _BOOTED_NS, kind | detail << L.DETAIL_SHIFT, at, at, a, b, c, d])

    put(int(of.events[0, 0]), L.START)
    for at, kind, *values in of.events.tolist():
        if kind == PRINT:
            put(at, L.TRADE, 0, *values[:3])
            continue
        changes = [0, 0, 0, 0]
        for side, (price, size) in enumerate((values[:2], values[2:])):
            old, best[side] = best[side], (price, size)
            moved = old is None or old[0] != price
            changes[side] += moved or size > old[1]
            changes[2 + side] += old is not None and (moved or size < old[1])
            if old is not None and moved:
                put(at, L.LEVEL, side, old[0])
            put(at, L.LEVEL, side, price, size, 1)
        put(at, L.BOOK, 0, values[0], values[2], int(pack_counts(*changes)))
    return np.array(found, np.int64)


def write_capture(folder: Path, markets: dict[str, list[np.ndarray]], **instrument) -> Path:
    """A capture folder with events by symbol, one array for each day."""
    parts = PartitionedParquet(folder / "events", Rotation(1e9, 10**12))
    for symbol, days in markets.items():
        for n, events in enumerate(days):
            rows = table(np.arange(len(events)), events, RUN + n)
            parts.write(rows, day_of(int(events[0, L.WALL_NS])), symbol, Part(RUN + n, 0, len(events), new=True))
    known = {
        "tick": 0.01,
        "quotable": True,
        "correlated": None,
        "volatility_index": None,
        "sentiment_half_life_s": 60.0,
    }
    (folder / "instruments.json").write_text(json.dumps(dict.fromkeys(markets, known | instrument)))
    return folder


def only_session(folder: Path) -> Session:
    (source,) = files.symbols_in(folder).values()
    (found,) = Q.sessions(source, [Q.Span.parse(str(DAY))])
    return found


def test_a_capture_gives_the_same_rows_as_quotes(tmp_path):
    plain = session(3)
    found = only_session(write_capture(tmp_path, {"TEST": [captured(plain)]}))
    assert found.captured and (found.tick, found.correlated_tick, found.index_tick) == (0.01, 0.0, 0.0)
    shift = int(found.events[0, 0]) - T0
    assert -B.SLOW_NS < shift <= 0
    grid, expected = replay(found, 100.0, 1), replay(plain, 100.0, 1)
    assert len(grid.ts_ns) == len(expected.ts_ns) > 300
    moved = Session("TEST", "a day", 0.01, 0.0, plain.events + np.array([shift, 0, 0, 0, 0, 0]))
    same = replay(moved, 100.0, 1)
    assert (grid.x == same.x).all() and (grid.passage == same.passage).all()


def test_after_a_loss_rows_resume_at_a_keyframe(tmp_path):
    events = captured(session(3))
    half = len(events) // 2
    lost = np.zeros((1, L.EVENT_WORDS), np.int64)
    lost[0, :4] = events[half, :4]
    lost[0, [L.KIND_WORD, L.A]] = L.LOST, 12
    whole = replay(only_session(write_capture(tmp_path / "whole", {"TEST": [events]})), 100.0)
    cut = replay(
        only_session(write_capture(tmp_path / "cut", {"TEST": [np.concatenate((events[:half], lost, events[half:]))]})),
        100.0,
    )
    before = whole.ts_ns <= events[half, L.WALL_NS] - _BOOTED_NS % B.SLOW_NS
    assert 100 < before.sum() < len(before) and abs(len(cut.ts_ns) - before.sum()) <= 1
    assert (cut.x == whole.x[: len(cut.x)]).all()


def keyframe(events: np.ndarray) -> np.ndarray:
    """The image that the market-data process writes after these events."""
    rows, books, known = np.zeros((1, B.ROW_WORDS), np.int64), Books(1, LEVELS), np.zeros(1, np.int64)
    for i in range(len(events)):
        apply(events[i:], rows, books.px, books.sz, books.cnt, books.n, known)
    ring, now_ns = Ring.private(1), int(events[-1, L.RECEIVED_NS])
    ring.set_clock(now_ns, now_ns + _BOOTED_NS)
    write_keyframe(ring.words, rows, books.px, books.sz, books.cnt, books.n, 0, now_ns)
    return ring.events[: ring.header[L.H_NEXT]]


def rows_of(folder: Path, times: np.ndarray) -> np.ndarray:
    played = replay_at(only_session(folder), times)
    assert len(played.kept) == len(times)
    return played.x


def half_of(events: np.ndarray) -> int:
    """The number of events of the first messages, about half of all."""
    return len(events) // 2 + int(np.argmax(events[len(events) // 2 :, L.KIND_WORD] == L.BOOK)) + 1


def test_a_reader_that_starts_at_a_keyframe_has_the_features_of_the_whole(tmp_path):
    events = captured(session(3))
    half = half_of(events)
    late = np.concatenate((keyframe(events[:half]), events[half:]))
    whole = write_capture(tmp_path / "whole", {"TEST": [np.concatenate((events[:half], late))]})
    end_ns = int(only_session(whole).events[-1, L.RECEIVED_NS])
    times = end_ns - np.arange(150)[::-1] * 10**8  # from 15 s after the keyframe, past the longest window
    assert times[0] > int(events[half, L.WALL_NS]) + 11 * 10**9
    expected = rows_of(whole, times)
    found = rows_of(write_capture(tmp_path / "late", {"TEST": [late]}), times)
    assert found.tobytes() == expected.tobytes()


def test_files_of_an_older_version_have_no_memory_and_no_venue(tmp_path):
    events = captured(session(3))
    half = half_of(events)
    image = keyframe(events[:half])
    old = np.concatenate((image[image[:, L.KIND_WORD] & L.BYTE != L.MEMORY], events[half:]))
    times = int(events[-1, L.WALL_NS]) - _BOOTED_NS % B.SLOW_NS - np.arange(50)[::-1] * 10**8
    expected = rows_of(write_capture(tmp_path / "new", {"TEST": [old]}), times)
    folder = write_capture(tmp_path / "old", {"TEST": [old, np.concatenate((image, events[half:]))]})
    first = min(folder.rglob("*.parquet"), key=lambda path: pl.read_parquet(path)["run"][0])
    frame = pl.read_parquet(first, hive_partitioning=False)
    newer = [name for name in frame.columns if name.startswith("memory") or name == "venue"]
    assert "venue" in newer
    frame.drop(newer).write_parquet(first)
    (source,) = files.symbols_in(folder).values()
    runs = captures.runs([source.events])
    assert [len(words) for words in runs.values()] == [len(old), len(image) + len(events) - half]
    first.rename(tmp_path / first.name)
    for path in folder.rglob("*.parquet"):
        path.unlink()
    (tmp_path / first.name).rename(first)
    assert rows_of(folder, times).tobytes() == expected.tobytes()


def test_a_row_with_a_loss_is_unusable_until_an_image_or_a_start():
    board_rows = np.zeros((1, B.ROW_WORDS), np.int64)
    books, known = Books(1, LEVELS), np.zeros(1, np.int64)

    def take(kind, detail=0, *values):
        event = np.zeros((1, L.EVENT_WORDS), np.int64)
        event[0, :2] = 10**9, kind | detail << L.DETAIL_SHIFT
        event[0, L.A : L.A + len(values)] = values
        apply(event, board_rows, books.px, books.sz, books.cnt, books.n, known)

    take(L.LEVEL, 0, 10, 5, 1)
    assert books.n[0, 0] == 0 and known[0] == UNKNOWN
    take(L.KEYFRAME, B.BOOK_LIVE, 4, 40, -(2**62), -(2**62))
    take(L.IMAGE, 0, 9, 5, 1)
    take(L.IMAGE, 1, 11, 6, 2)
    take(L.KEYFRAME_END, 1, 88, 7, 0, 0)
    assert known[0] == COMPLETE and board_rows[0, B.STATE] == B.BOOK_LIVE and board_rows[0, B.HALTED] == 1
    assert (board_rows[0, B.VERSION], board_rows[0, B.TRADES], board_rows[0, B.BID_PX]) == (88, 4, 9)
    take(L.LOST, 0, 3)
    assert known[0] == UNKNOWN and board_rows[0, B.STATE] == B.BOOK_GAP
    take(L.START)
    assert known[0] == COMPLETE and board_rows[0, B.STATE] == B.BOOK_EMPTY and books.n[0, 0] == 0


def test_rows_duplicated_by_a_crash_count_once(tmp_path):
    events = captured(session(3))
    folder = write_capture(tmp_path, {"TEST": [events]})
    (path,) = (folder / "events").rglob("part-*.parquet")
    (found,) = captures.runs([[path]]).values()
    again = path.with_name(Part(RUN, 0, len(events) + 1, new=False).name)
    again.write_bytes(path.read_bytes())
    (twice,) = captures.runs([[path, again]]).values()
    assert (twice == found).all() and len(found) == len(events)


def test_instruments_that_are_not_quoted_are_no_sources(tmp_path):
    folder = write_capture(tmp_path, {"TEST": [captured(session(3, 20))]}, quotable=False)
    assert files.symbols_in(folder) == {}


def test_a_capture_without_its_instruments_is_refused(tmp_path):
    folder = write_capture(tmp_path, {"TEST": [captured(session(3, 20))]})
    (folder / "instruments.json").unlink()
    with pytest.raises(DataError, match=r"instruments\.json"):
        files.symbols_in(folder)


@pytest.mark.slow
def test_calibration_on_a_capture_equals_calibration_on_quotes(tmp_path, capsys):
    """The same market as quotes and as a capture gives the same figures."""
    plain = make_market(tmp_path / "plain")
    span = [Q.Span.parse("2020-01-02..2020-01-04")]
    markets = {}
    for symbol, source in files.symbols_in(plain).items():
        source.correlated = None
        markets[symbol] = [captured(s) for s in Q.sessions(source, span)]
    data = write_capture(tmp_path / "capture", markets)
    assert run(data, "2020-01-02..2020-01-03", "2020-01-04", tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())["symbols"]
    assert set(report) == {"AAA", "BBB"} and report["AAA"]["auc"] > 0.6
    assert "AAA" in capsys.readouterr().out
