"""Parts of the bench: market, statistics, results."""

import os
import re
from pathlib import Path

import pytest

from quotelife_bench import configuration
from quotelife_bench.figures import Chart, Results, Table, Topic, figure
from quotelife_bench.load import peers
from quotelife_bench.load.market import LEVELS, VenueSession, split, symbols
from quotelife_bench.machine import ConditionsMonitor, current_machine
from quotelife_bench.processes import affinity, children, cpu_ns, resident_kb
from quotelife_bench.show import markdown, number, replace_tables, text
from quotelife_bench.spread import MINIMUM, Spread, percentile_name, percentiles, spread
from quotelife_bench.topics.kernels import marketdata_rates
from quotelife_bench.topics.sustained import RateLadder


def test_a_side_that_does_not_start_is_an_error(tmp_path):
    settings = tmp_path / "bare.cfg"
    settings.write_text("[DEFAULT]\n")
    with pytest.raises(peers.BenchError, match="did not start"), peers.bare(settings):
        pass


def test_the_kernel_bench_applies_all_market_data():
    rates = marketdata_rates(messages=2_000, instruments=3, repeats=2)
    assert len(rates) == 2
    assert min(rates) > 0


@pytest.mark.parametrize("instruments", [1, 3, 2_100])
def test_increments_are_valid_and_lead_to_the_expected_books(instruments):
    venue = VenueSession()
    for n, symbol in enumerate(symbols(instruments)):
        [snapshot], rest = split(venue.snapshot(f"{n:04d}", symbol))
        assert rest == b"" and snapshot["268"] == str(2 * LEVELS)
    books, next_seq = venue.books(), instruments + 1
    for count in (1, 700, 12_000):  # more than one cycle
        data = venue.increments(count)
        for message in data.split(b"8=FIX.4.4\x01")[1:]:
            _apply(message.decode(), books)
        numbers = [int(n) for n in re.findall(rb"\x0134=(\d+)", data)]
        assert numbers == list(range(next_seq, next_seq + count))
        next_seq += count
        assert venue.books() == books
    assert venue.increments_sent == 12_701 and venue.resubscribed == 0
    check = sum(data[: data.rindex(b"10=")][data.rindex(b"8=FIX") :]) & 255
    assert data.endswith(b"10=%03d\x01" % check)
    assert b"\x019=%d\x01" % len(data[data.rindex(b"35=X") : data.rindex(b"10=")]) in data[-250:]


def _apply(text: str, books: dict) -> None:
    """One increment on plain dictionaries, entry by entry."""
    entry: dict[str, str] = {}
    for tag, value in [*(f.split("=", 1) for f in text.strip("\x01").split("\x01")), ("279", "end")]:
        if tag == "279":
            if entry:
                book, level = books[entry["55"]], (int(entry["269"]), round(float(entry["270"]) * 100))
                if entry["279"] == "2":
                    del book[level]
                else:
                    assert (level in book) == (entry["279"] == "1")
                    book[level] = int(entry["271"])
            entry = {"279": value}
        elif entry and tag in ("55", "269", "270", "271"):
            entry[tag] = value


def test_split_returns_incomplete_messages_as_rest():
    data = VenueSession().message("0", [])
    assert split(data + data[:20]) == ([split(data)[0][0]], data[:20])


def test_percentiles_are_exact_to_three_digits():
    found = percentiles(range(1000, 1_001_000, 1000), (50.0, 90.0, 99.0, 99.9, 100.0))
    assert found == pytest.approx([500_000, 900_000, 990_000, 999_000, 1_000_000], rel=2e-3)
    assert percentiles([5, 3, 4], (MINIMUM,)) == [3]
    assert [percentile_name(p) for p in (MINIMUM, 99.9, 100.0)] == ["minimum", "p99.9", "max"]


def test_spread_and_its_text():
    assert spread([3.0, 1.0, 2.0]) == spread([1.0, 2.0, 3.0]) == Spread(2.0, 1.0, 3.0)
    assert (text(spread([3.0, 1.0])), text(spread([5.0]))) == ("2.00 (1.00 to 3.00)", "5.00")
    assert (number(0.0), number(12.34), number(1234.5)) == ("0", "12.3", "1,234")


def test_ratios_are_computed_per_repeat_and_the_median_is_compared():
    found = figure("p50", "us", [10.0, 30.0, 12.0], {"bare": [10.0, 10.0, 10.0]}, ("at most", 1.2, "times"))
    assert found.ratio == Spread(1.2, 1.0, 3.0)
    assert (found.target, found.met) == ("at most 1.2 times", True)
    assert figure("rate", "/s", [10.0], limit=("at least", 20, "absolute")).met is False
    assert figure("rate", "/s", [10.0]).met is None


def test_the_markdown_marks_missed_targets_and_problems():
    line = figure("rate", "/s", [10.0], {"bare": [5.0]}, limit=("at least", 3, "times"))
    table = Table(title="closed loop, us", columns=["p50"], rows={"C++ engine": [Spread(2.0, 1.0, 3.0)]})
    topic = Topic(
        topic="t", title="a title", tables=[table], figures=[line], counts={"lost": 0}, problems=["something"]
    )
    results = Results(
        command="quotelife bench t",
        machine=current_machine(),
        conditions=ConditionsMonitor().conditions(),
        seconds=60,
        topics=[topic],
    )
    written = markdown(results)
    assert "| closed loop, us | p50 |\n|---|---|\n| C++ engine | 2.00 |" in written, "medians"
    assert "| rate, /s | 10.0 | 5.00 | 2.00 | at least 3 times | **not met** |" in written
    assert "Counts: lost 0." in written and "**something**" in written and "![" not in written
    topic.charts.append(Chart(name="c", title="a chart", x="x", y="y", lines={}))
    assert "![a chart](plots/c.png)" in markdown(results, "plots")


def test_only_the_tables_of_a_page_that_were_measured_are_replaced():
    table = Table(title="closed loop, us", columns=["p50", "p99"], rows={"echo": [Spread(2, 1, 3), Spread(9, 8, 9)]})
    results = Results(
        command="quotelife bench rfq",
        machine=current_machine(),
        conditions=ConditionsMonitor().conditions(),
        seconds=60,
        topics=[Topic(topic="closed", title="", figures=[], tables=[table])],
    )
    page = "Before.\n\n{}\nBetween.\n\n| open loop, us | p50 |\n|---|---|\n| echo | 1 |\n\nAfter.\n"
    old = "| closed loop, us | p50 |\n|---|---|\n| echo | 1.00 |\n| gone | 7 |\n"
    new = "| closed loop, us | p50 | p99 |\n|---|---|---|\n| echo | 2.00 | 9.00 |\n"
    assert replace_tables(page.format(old), results) == page.format(new)


def test_a_chart_is_drawn_as_a_small_png(tmp_path):
    draw = pytest.importorskip("quotelife_bench.plots").draw
    pytest.importorskip("matplotlib")
    chart = Chart(name="c", title="t", x="x", y="y", log_y=True, labels=["p50", "p99"], lines={"a": [(0, 1), (1, 9)]})
    picture = draw(chart, tmp_path)
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 100_000


def test_the_highest_rate_within_the_limit_counts():
    ladder = RateLadder()
    for rate, p99_ns in ((250, 1e6), (350, 5e6), (500, 1.9e6), (700, 2.1e6)):
        ladder.add(rate, p99_ns, all_answered=True)
    assert (ladder.best_rate, ladder.overloaded) == (500, False)
    assert ladder.measured[1] == (350, 5e6)


@pytest.mark.parametrize(("p99_ns", "all_answered"), [(30e6, True), (1.0, False)])
def test_no_higher_rate_is_measured_after_an_overload(p99_ns, all_answered):
    ladder = RateLadder()
    ladder.add(250, 1e6, all_answered=True)
    ladder.add(350, p99_ns, all_answered)
    assert (ladder.best_rate, ladder.overloaded) == (250, True)


def test_the_machine_is_described():
    machine, conditions = current_machine(), ConditionsMonitor().conditions()
    assert machine.cores >= 1 and machine.packages["numba"]
    assert f"{machine.cores} cores" in str(machine)
    assert 0 <= conditions.steal <= 1 and "stolen" in str(conditions)


def test_children_memory_and_processor_time_of_a_process(tmp_path):
    settings, _ = configuration.bare_settings(configuration.write(tmp_path, 0, 1), tmp_path)
    with peers.bare(settings) as bare:
        assert children(os.getpid())["bench"] == bare.pid
        sizes = resident_kb(bare.pid)
        assert sizes["all"] == sizes["own"] + sizes["file"] + sizes["shared"] > 10_000
        assert cpu_ns(bare.pid) > 0
        assert affinity(bare.pid) == sorted(os.sched_getaffinity(0))


def test_the_configuration_is_valid(tmp_path: Path):
    config = configuration.write(tmp_path, 4000, 5)
    assert [i.symbol for i in config.instrument] == symbols(5)
    assert config.venue[0].port == 4000
