"""A file with a layout that nobody knows: the message says what was found, and what each vendor's files have."""

from pathlib import Path

import polars as pl
import pytest

from quotelife_research.calibration.import_command import run_import
from quotelife_research.data.batches import QUOTES, TRADES
from quotelife_research.data.tables import guess_columns


def message(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str], *quotes: Path) -> str:
    files = [] if quotes else [file]
    assert run_import("X", 0.01, list(quotes), [], tmp_path / "out", None, False, files) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and not (tmp_path / "out").exists()
    return error


def test_columns_of_a_foreign_csv_are_named_beside_those_of_every_vendor(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dump.csv"
    path.write_text("Time,Venue,Bid,Ask,BidSize\n2020-01-02,x,1,2,3\n")
    error = message(tmp_path, path, capsys)
    assert f"{path}: no known format; found: CSV with the columns Time, Venue, Bid, Ask, BidSize" in error
    assert f"(perhaps --quotes {path} --columns ts=Time,bid=Bid,ask=Ask,bid_size=BidSize)" in error.replace(
        "bid_size=BidSize,ask=Ask", "ask=Ask,bid_size=BidSize"
    )
    for vendor in (
        "Databento DBN, which begins with DBN", "LOBSTER, a pair TICKER_DATE_START_END_message_LEVEL.csv",
        "Tardis CSV with exchange, symbol, timestamp, local_timestamp and",
        "incremental_book_L2: is_snapshot, side, price, amount", "quotes: bid_price, bid_amount, ask_price, ask_amount",
        "book_snapshot_N: bids[0].price", "trades: id, side, price, amount",
    ):  # fmt: skip
        assert vendor in error


def test_columns_of_a_foreign_parquet_file_are_named(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dump.parquet"
    pl.DataFrame({"when": [1], "px": [1.0]}).write_parquet(path)
    assert "found: Parquet with the columns when, px; expected: Databento" in message(tmp_path, path, capsys)


def test_what_is_no_table_is_described(tmp_path: Path, capsys) -> None:
    path = tmp_path / "dump.bin"
    path.write_bytes(b"\x01\x02\0\xff more")
    assert "found: binary data that begins with 01 02 00 ff" in message(tmp_path, path, capsys)
    path.write_bytes(b"")
    assert "found: an empty file; expected:" in message(tmp_path, path, capsys)
    many = tmp_path / "many.csv"
    many.write_text(",".join(f"c{n}" for n in range(25)) + "\n")
    assert "c19 and 5 more; expected" in message(tmp_path, many, capsys)


def test_quotes_with_other_names_are_told_the_option_that_fits(tmp_path: Path, capsys) -> None:
    path = tmp_path / "q.csv"
    path.write_text("timestamp;best_bid;best_ask\n1;2;3\n")
    error = message(tmp_path, path, capsys, path)
    assert "it has timestamp, best_bid, best_ask" in error
    assert "perhaps --columns ts=timestamp,bid=best_bid,ask=best_ask" in error


def test_a_guess_needs_every_required_column() -> None:
    assert guess_columns(TRADES, ["ts_event", "price", "size", "side"]) == "ts=ts_event,price=price,size=size,side=side"
    assert guess_columns(QUOTES, ["ts_event", "bid_px_00", "ask_px_00"]) == "ts=ts_event,bid=bid_px_00,ask=ask_px_00"
    assert guess_columns(QUOTES, ["time", "bid"]) == ""
