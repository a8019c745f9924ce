"""Percentiles and processor time by side, and their ratios with targets."""

from quotelife_bench.load.generator import LoadResult
from quotelife_bench.sides import CPP, NAMES, NATIVE, QUICKFIX
from quotelife_bench.spread import MINIMUM
from quotelife_bench.topics.latencies import Latencies


def load(*latencies_us: int) -> LoadResult:
    return LoadResult(latencies_ns=[us * 1_000 for us in latencies_us], sent=4, quotes=4, rejects=0, unanswered=0,
                      latest_send_ns=0, cpu_ns=40_000, monitor_ns=12_000)  # fmt: skip


def measured() -> Latencies:
    """Two repeats of two sides; in the second one everything took twice as long."""
    found = Latencies((MINIMUM, 50.0))
    for times in (1, 2):
        found.add(NATIVE, load(20 * times, 24 * times, 30 * times))
        found.add(CPP, load(10 * times, 20 * times, 30 * times))
    return found


def test_the_table_has_a_row_per_side_and_processor_time_per_request_last():
    table = measured().table("us")
    assert table.columns == ["minimum", "p50", "processor time", "the same without the monitor"]
    assert list(table.rows) == [NAMES[NATIVE], NAMES[CPP]]
    assert [round(cell.median, 1) for cell in table.rows[NAMES[NATIVE]]] == [30.0, 36.0, 10.0, 7.0]


def test_a_side_is_compared_with_another_repeat_by_repeat():
    found = measured()
    [p50], [minimum] = found.compare(NATIVE, CPP, 50.0, 1.2), found.compare(NATIVE, CPP, MINIMUM, 1.2)
    assert p50.name == "p50: quotelife native against bare C++ engine"
    assert p50.met and p50.ratio is not None and round(p50.ratio.least, 3) == round(p50.ratio.most, 3) == 1.2
    assert minimum.met is False and minimum.ratio is not None and minimum.ratio.median == 2.0


def test_what_was_not_measured_is_not_compared():
    assert measured().compare(NATIVE, QUICKFIX, 50.0, 0.5) == measured().compare(QUICKFIX, CPP, 50.0, 1.0) == []


def test_the_lines_of_the_chart_are_medians_by_number_of_the_percentile():
    [minimum, p50] = measured().lines()[NAMES[CPP]]
    assert (minimum, round(p50[0]), round(p50[1])) == ((0.0, 15.0), 1, 30)
