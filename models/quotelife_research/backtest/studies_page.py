"""What a backtest's result depends on, as charts: the cost of a withdrawal, latencies, volatility."""

from typing import Any

from quotelife.report.charts import Axis, Chart, Series, ends, lines, number
from quotelife.report.page import Column, Page, Table
from quotelife_research.backtest.names import policy_name
from quotelife_research.backtest.symbol import BASE

_PER_REQUEST = "ticks per request"
_ABOVE = "difference of the net, ticks per request"
_CONTENDERS = ("liquidity_provider", f"{BASE}_through", f"{BASE}_edge")


def studies(page: Page, found: dict[str, Any]) -> None:
    """The charts of one symbol, and their tables in folds."""
    page.heading("What it depends on", 3)
    page.charts(
        _withdrawals(found["frontier"]),
        *_latencies(found["latencies"]),
        _lifetimes(found["lifetimes_by_volatility"]),
    )
    page.folded(
        "The same as tables",
        _withdrawal_costs(found["frontier"]),
        _latency_table(found["latencies"]),
        _lifetime_table(found["lifetimes_by_volatility"]),
    )


def _lifetime_table(by_volatility: dict[str, list[float]]) -> Table:
    fifths = ("calmest fifth", "second", "third", "fourth", "busiest fifth")
    rows = [[policy_name(name), *(f"{ms:.0f}" for ms in lifetimes)] for name, lifetimes in by_volatility.items()]
    return Table("Lifetimes by volatility", [Column("model"), *(Column(name, "mean ms") for name in fifths)], rows)


def _withdrawals(frontier: list[dict[str, Any]]) -> Chart:
    """Few withdrawals or many: what each share of withdrawn quotes brings."""
    found = sorted(frontier, key=lambda p: p["withdrawn_share"])
    columns = ([p[key] for p in found] for key in ("withdrawn_share", "difference", "low", "high"))
    x, y, low, high = columns
    hover = [f"a withdrawal costs {p['withdrawal_cost_ticks']:g} ticks" for p in found]
    return lines(
        "Liquidity Provider by how much it withdraws",
        Axis("quotes withdrawn", percent=True),
        Axis(_ABOVE),
        [Series(policy_name("liquidity_provider"), x, y, low, high, hover=hover)],
        "Above the best fixed lifetime per client, at each cost of a withdrawal.",
    )


def _latencies(grid: list[dict[str, Any]]) -> list[Chart]:
    charts = []
    for own_ms in sorted({cell["own_ms"] for cell in grid}):
        cells = sorted((cell for cell in grid if cell["own_ms"] == own_ms), key=lambda cell: cell["reaction_ms"])
        x = [cell["reaction_ms"] for cell in cells]
        series = []
        for name in _CONTENDERS:
            y, low, high = ([cell[name][key] for cell in cells] for key in ("difference", "low", "high"))
            hover = [f"races lost: {cell['race_lost']:.0%}" for cell in cells]
            series.append(Series(policy_name(name), x, y, low, high, hover=hover))
        charts.append(
            lines(
                f"By the snipers' reaction, with {own_ms:g} ms of the desk's own",
                Axis("median reaction of a sniper, ms", log=True, ticks=x),
                Axis(_ABOVE),
                series,
                "Above the best fixed lifetime per client.",
            )
        )
    return charts


def _lifetimes(found: dict[str, list[float]]) -> Chart:
    series = [Series(policy_name(name), list(range(1, len(ms) + 1)), ms) for name, ms in found.items()]
    return lines(
        "Lifetime by volatility",
        Axis("fifth of the volatility over 10 s, calm to busy", ticks=(1, 2, 3, 4, 5)),
        Axis("mean lifetime, ms", zero=True),
        series,
    )


def _withdrawal_costs(frontier: list[dict[str, Any]]) -> Table:
    rows = [
        [
            *(f"{p['withdrawal_cost_ticks']:g}", number(p["net_per_request"]), f"{p['difference']:+.4f}"),
            *(ends(p["low"], p["high"]), number(p["closed_share"], 2, True), f"{p['withdrawn_share']:.1%}"),
            *(f"{p['pickoff_rate']:.2%}", number(p["fill_rate"], 3, True), f"{p['refused_genuine']:.1%}"),
        ]
        for p in frontier
    ]
    head = (
        *(Column("cost of a withdrawal", "ticks"), Column("net", _PER_REQUEST)),
        *(Column("above fixed per client", _PER_REQUEST), Column("95 % interval", _PER_REQUEST)),
        *(Column("of the way to the oracle", "%"), Column("withdrawn", "% of quotes")),
        *(Column("picked off", "% of requests"), Column("genuine fills", "% of genuine requests")),
        Column("genuine hits refused", "% of them in time"),
    )
    return Table("Liquidity Provider by the cost of a withdrawal", head, rows)


def _latency_table(grid: list[dict[str, Any]]) -> Table:
    rows = []
    for cell in grid:
        row = [f"{cell['own_ms']:g}", f"{cell['reaction_ms']:g}", f"{cell['race_lost']:.0%}"]
        for name in _CONTENDERS:
            p = cell[name]
            row += [f"{p['difference']:+.4f}", ends(p["low"], p["high"]), number(p["closed_share"], 2, True)]
        rows.append(row)
    head = [Column("own latency", "ms"), Column("snipers' reaction", "ms"), Column("races lost", "%")]
    for name in _CONTENDERS:
        head += [Column(policy_name(name), _PER_REQUEST), Column("95 % interval"), Column("to the oracle", "%")]
    return Table("By latency: above the best fixed lifetime per client", head, rows)
