"""Times of imported files: units, types, zones, and which rows a wrong time costs."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from quotelife_research.data.files import DataError
from quotelife_research.data.row_order import in_file_order, newest_first, order_rows
from quotelife_research.data.times import AMBIGUOUS, IMPLAUSIBLE, UNREADABLE, TimeFormat, read_times

SECOND = 1_000_000_000
T = int(datetime(2020, 1, 2, 9, 30, tzinfo=UTC).timestamp()) * SECOND


def read(values: list, unit: str | None = None, zone: str | None = None, dtype: pl.DataType | None = None) -> list:
    """Nanoseconds, or the problem."""
    frame, _ = read_times(pl.Series("at", values, dtype=dtype), TimeFormat(unit, zone), "f.csv: column at")
    return [problem or ns for ns, problem in frame.iter_rows()]


@pytest.mark.parametrize(("unit", "factor"), [("s", SECOND), ("ms", 10**6), ("us", 1000), ("ns", 1), (None, 1)])
def test_numbers_are_read_in_their_unit(unit: str | None, factor: int) -> None:
    assert read([T // factor, 5, None, T // factor + 1], unit) == [T, IMPLAUSIBLE, UNREADABLE, T + factor]
    assert read([str(T // factor), " 5", "soon", ""], unit) == [T, IMPLAUSIBLE, UNREADABLE, UNREADABLE]


def test_no_digit_is_lost() -> None:
    assert read([T + 123_456_789]) == [T + 123_456_789]
    assert read([f"{T // SECOND}.123456789", f"{T // SECOND}.5", f"{T // SECOND}"], "s") == [
        T + 123_456_789,
        T + SECOND // 2,
        T,
    ]
    assert read([f"{T // 1000}.125"], "us") == [T + 125]
    assert read([T / SECOND + 0.25, float("nan"), float("inf")], "s") == [T + SECOND // 4, UNREADABLE, UNREADABLE]


@pytest.mark.parametrize("given", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("right", "factor"), [("s", SECOND), ("ms", 10**6), ("us", 1000), ("ns", 1)])
def test_an_implausible_unit_is_refused_with_the_plausible_one(given: str, right: str, factor: int) -> None:
    values = [T // factor] * 3
    for column in (values, [str(value) for value in values], [float(value) for value in values]):
        if given == right:
            assert read(column, given)[0] == pytest.approx(T)
        else:
            with pytest.raises(DataError, match=f"--time-unit {right}, which reads it as 2020-01-02 09:30:00"):
                read(column, given)
    with pytest.raises(DataError, match="in no unit"):
        read([1, 2, 3], given)


def test_a_type_with_a_unit_is_read_by_it() -> None:
    at = datetime(2020, 1, 2, 9, 30)
    for unit in ("ms", "us", "ns"):
        assert read([at, None, datetime(1971, 1, 1)], dtype=pl.Datetime(unit)) == [T, UNREADABLE, IMPLAUSIBLE]
    aware = pl.Series([at]).dt.replace_time_zone("America/New_York")
    frame, notes = read_times(aware, TimeFormat("s", "Asia/Tokyo"), "f")
    assert frame["ts_ns"].to_list() == [T + 5 * 3600 * SECOND]
    assert [note.split(",")[1] for note in notes] == [" --time-unit is not used", " --time-zone is not used"]
    with pytest.raises(DataError, match="holds Date"):
        read([date(2020, 1, 2)])


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-02T09:30:00Z",
        "2020-01-02 09:30:00",
        "2020-01-02T09:30",
        "2020-01-02T10:30:00+01:00",
        "2020-01-02T04:30:00.000-0500",
        "20200102 093000000",
        "2020-01-02 09:30:00 UTC",
        "20200102-09:30:00.000000000",
    ],
)
def test_iso_times_with_and_without_offset(text: str) -> None:
    assert read([text, "2020-01-02T09:30:00.000000001Z", "2020-13-02T09:30:00", "soon"]) == [
        T,
        T + 1,
        UNREADABLE,
        UNREADABLE,
    ]


def test_local_times() -> None:
    texts = [
        "2020-01-02T04:30:00",
        "2020-07-02T05:30:00",
        "2020-11-01T01:30:00",
        "2020-03-08T02:30:00",
        "2020-01-02T09:30:00Z",
    ]
    july = int(datetime(2020, 7, 2, 9, 30, tzinfo=UTC).timestamp()) * SECOND
    assert read(texts, zone="America/New_York") == [T, july, AMBIGUOUS, AMBIGUOUS, T]
    assert read([datetime(2020, 1, 2, 4, 30)], zone="America/New_York") == [T]
    with pytest.raises(DataError, match="numbers, which count from 1970 in UTC"):
        read([T], zone="America/New_York")


@pytest.mark.parametrize(
    ("unit", "zone", "expected"),
    [
        ("minutes", None, "--time-unit minutes: allowed: s, ms, us, ns"),
        (None, "Mars/Base", "--time-zone Mars/Base: allowed"),
    ],
)
def test_wrong_options(unit: str | None, zone: str | None, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        TimeFormat(unit, zone)


def test_times_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(DataError, match="no readable time, such as 'soon'; allowed: ISO"):
        read(["soon", "later"])
    assert read([], dtype=pl.Int64) == read([], dtype=pl.String) == []


@pytest.mark.parametrize("at", [0, 1, 500, 998, 999])
@pytest.mark.parametrize("error", [-3600 * SECOND, 3600 * SECOND, -(10**17), 10**17])
def test_one_wrong_time_costs_one_row(at: int, error: int) -> None:
    ts = T + np.arange(1000) * SECOND
    ts[at] += error
    order = order_rows(ts, "f")
    backwards = (np.diff(ts) < 0).any()  # a first or last row may be far from the others without a contradiction
    assert order.wrong.tolist() == [backwards and i == at for i in range(1000)]
    assert (np.diff(order.ts_ns[order.take]) >= 0).all() and len(order.take) == 1000


def test_late_rows_and_parts_in_the_wrong_place_are_sorted() -> None:
    ts = T + np.arange(1000) * SECOND
    late = ts.copy()
    late[[3, 700]] -= 30 * SECOND
    swapped = np.concatenate((ts[600:], ts[:600]))
    for given, note in ((late, "2 rows out of order, sorted"), (swapped, "400 rows out of order, sorted")):
        order = order_rows(given, "f")
        assert not order.wrong.any() and order.notes == [note]
        assert given[order.take].tolist() == sorted(given.tolist())


def test_rows_in_no_order_are_refused() -> None:
    ts = T + np.random.default_rng(1).permutation(1000) * SECOND
    with pytest.raises(DataError, match=r"f: \d+ of 1000 rows are earlier than the row before, more than 5%; allowed"):
        order_rows(ts, "f")
    assert newest_first(ts[::-1][:0]) is False and newest_first(np.sort(ts)[::-1])


def test_changes_keep_the_order_of_the_file() -> None:
    ts = T + np.arange(100) * SECOND
    ts[50] += 3600 * SECOND
    ts[60] -= SECOND * 5
    fixed, misplaced = in_file_order(ts)
    assert (np.diff(fixed) >= 0).all() and np.flatnonzero(misplaced).tolist() == [50]
    assert (fixed[50], fixed[60]) == (ts[49], ts[59])
