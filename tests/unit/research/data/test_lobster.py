"""LOBSTER pairs by their documented layout."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quotelife_research.data import files
from quotelife_research.data import sources as Q
from tests.unit.research.data.test_tables import run

MESSAGE, BOOK = "AAA_2012-06-21_34200000_57600000_message_2.csv", "AAA_2012-06-21_34200000_57600000_orderbook_2.csv"
OPEN_NS = int(datetime(2012, 6, 21, 13, 30, tzinfo=UTC).timestamp()) * 10**9  # 9:30 in New York in summer
LOW, HIGH = "-9999999999,0", "9999999999,0"
ROWS = [
    # message; best ask, best bid, second ask, second bid after it
    ("34200.000000001,1,11,18,100000,1", f"100100,6,100000,18,{HIGH},99900,1"),
    ("34200.5,4,12,2,100100,-1", f"100100,4,100000,18,{HIGH},99900,1"),  # a buyer took the ask
    ("34201.25,5,0,7,100050,1", f"100100,4,100000,18,{HIGH},99900,1"),  # hidden, inside the spread
    ("34202,3,12,4,100100,-1", f"{HIGH},100000,18,{HIGH},99900,1"),  # no ask left
    ("34203,1,13,5,100200,-1", f"100200,5,100000,18,{HIGH},99900,1"),
    ("34204,7,0,0,-1,-1", f"100200,5,100000,18,{HIGH},99900,1"),  # halted
    ("34205,7,0,0,0,-1", f"100200,5,100000,18,{HIGH},99900,1"),  # quoting resumes, trading does not
    ("34206,7,0,0,1,-1", f"100200,5,100000,18,{HIGH},99900,1"),
    ("34207.123456789,4,11,18,100000,1", f"100200,5,{LOW},{HIGH},{LOW}"),
]


def write(folder: Path, rows: list[tuple[str, str]] = ROWS) -> Path:
    (folder / MESSAGE).write_text("\n".join(message for message, _ in rows) + "\n")
    (folder / BOOK).write_text("\n".join(book for _, book in rows) + "\n")
    return folder / MESSAGE


def events(tmp_path: Path) -> list[list[int]]:
    source = files.symbols_in(tmp_path / "out")["AAA"]
    (session,) = Q.sessions(source, [Q.Span.parse("2012-06-21")])
    return [[event[0] - OPEN_NS, *event[1:]] for event in session.events.tolist()]


S = 10**9
EVENTS = [  # with a tick of 0.01; times after 9:30
    [1, Q.QUOTE, 1000, 18, 1001, 6],
    [S // 2, Q.PRINT, 1001, 2, 1, 0],
    [S // 2, Q.QUOTE, 1000, 18, 1001, 4],
    [S * 5 // 4, Q.QUOTE, 1000, 18, 1001, 4],
    [2 * S, Q.QUOTE, 1000, 18, 0, 0],
    [3 * S, Q.QUOTE, 1000, 18, 1002, 5],
    [4 * S, Q.QUOTE, 0, 0, 0, 0],
    [5 * S, Q.QUOTE, 0, 0, 0, 0],
    [6 * S, Q.QUOTE, 1000, 18, 1002, 5],
    [7_123_456_789, Q.PRINT, 1000, 18, -1, 0],
    [7_123_456_789, Q.QUOTE, 0, 0, 1002, 5],
]


@pytest.mark.parametrize("given", [(MESSAGE,), (BOOK,), (BOOK, MESSAGE)])
def test_a_pair_becomes_quotes_and_trades(tmp_path: Path, given: tuple[str, ...], capsys) -> None:
    write(tmp_path)
    assert run(tmp_path, "--from", *(tmp_path / name for name in given), tick="0.01") == 1
    assert events(tmp_path) == EVENTS
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(
        f"{BOOK}: 9 of 9 quotes kept, 2012-06-21..2012-06-21; a trading halt, without quotes; 4 with a side gone"
    )
    # the hidden execution inside the spread
    assert printed[1] == (
        f"{MESSAGE}: 2 of 3 trades kept, 2012-06-21..2012-06-21; unusable: off the tick: 1 rows, first in row 3"
    )


def test_a_hidden_execution_has_no_known_aggressor(tmp_path: Path) -> None:
    write(tmp_path)
    assert run(tmp_path, "--from", tmp_path / MESSAGE, tick="0.005") == 0
    prints = [event for event in events(tmp_path) if event[1] == Q.PRINT]
    assert prints[1] == [S * 5 // 4, Q.PRINT, 2001, 7, 0, 0]  # at 10.005


def test_compressed_pairs_and_winter_time(tmp_path: Path) -> None:
    write(tmp_path)
    for name in (MESSAGE, BOOK):
        winter = name.replace("2012-06-21", "2012-12-21") + ".gz"
        (tmp_path / winter).write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert run(tmp_path, "--from", tmp_path / (MESSAGE.replace("06", "12") + ".gz"), tick="0.005") == 0
    source = files.symbols_in(tmp_path / "out")["AAA"]
    (session,) = Q.sessions(source, [Q.Span.parse("2012-12-21")])
    assert session.events[0, 0] == int(datetime(2012, 12, 21, 14, 30, tzinfo=UTC).timestamp()) * S + 1


def test_pairs_that_cannot_be_used(tmp_path: Path, capsys) -> None:
    (tmp_path / MESSAGE).write_text("34200,1,11,18,100000,1\n")
    for content, expected in (
        (None, f"no {BOOK} beside it; allowed: both files of a pair"),
        ("1,2,3,4\n1,2,3,4\n", f"1 messages, but 2 rows in {BOOK}; allowed: the pair of a day"),
        ("1,2,3\n", "allowed: 6 columns in the messages and 4 for each level"),
        ("", "orderbook_2.csv: "),
    ):
        if content is not None:
            (tmp_path / BOOK).write_text(content)
        assert run(tmp_path, "--from", tmp_path / MESSAGE) == 2
        error = capsys.readouterr().err
        assert expected in error and error.count("\n") == 1
    wrong = MESSAGE.replace("06-21", "13-21")
    for name in (wrong, wrong.replace("message", "orderbook")):
        (tmp_path / name).write_text("34200,1,11,18,100000,1\n")
    assert run(tmp_path, "--from", tmp_path / wrong) == 2
    assert "2012-13-21: month must be in 1..12; allowed: a date in the name" in capsys.readouterr().err
