"""The report of a backtest as an HTML page: fill/pick-off frontier, policies, assumptions."""

import json
from typing import Any

from quotelife_models.enums import MODELS
from quotelife_research.backtest.symbol import BASE, FREE, TUNED
from quotelife_research.calibration.charts import Series, figure, page, table

_MAIN = (
    *reversed(MODELS),
    FREE,
    *(f"{name}_without_withdrawal" for name in MODELS),
    *(f"{name}{rule}" for name in (BASE, "fixed_best") for rule in ("", "_through", "_edge", "_risk")),
    *(f"{TUNED}_{rule}" for rule in ("through", "edge", "risk")),
    "inverse_variance",
    "logistic_imbalance",
    "oracle",
    "clairvoyant",
)
_DRAWN = (*reversed(MODELS), BASE, f"{BASE}_through", f"{BASE}_edge", "oracle")  # as many as there are colours


def render(report: dict[str, Any]) -> str:
    """The page of a backtest's `report.json`."""
    assumed = json.dumps(report["assumptions"], indent=1)
    body = (
        "<p><b>The clients are simulated: their behaviour is an assumption, not a measurement.</b> The market is real. "
        "All policies answer the same requests; tuned policies were tuned on earlier days. The oracle foresees the "
        "market but not the kind of client; the clairvoyant foresees both. A quote is withdrawn for what the desk had "
        "seen by then; what reaches the desk first counts. <i>Through</i>, <i>edge</i> and <i>risk</i> are rules of "
        "withdrawal behind a lifetime; the models decide on lifetime and withdrawal with one value.</p>"
        "<p>Net and its differences are ticks per request, each fill hedged at the mid, free of charge. Genuine fills "
        "and genuine hits refused are shares of the genuine requests and of their hits in time; pick-offs and refused "
        "(not quoted) of all requests; withdrawn of the quotes. Worth: what a refused genuine hit would have brought. "
        "0.1, 1 and 10 s: mean markouts of the fills.</p>"
        f"<details><summary>Assumptions</summary><pre>{assumed}</pre></details>"
    )
    return page("Backtest", body + "".join(_symbol(name, s) for name, s in report["symbols"].items()))


def _symbol(name: str, s: dict[str, Any]) -> str:
    parts = [f"<h2>{name}</h2><p>Tuned on {', '.join(s['tuned_on'])}; tested on {', '.join(s['tested_on'])}.</p>"]
    charts = [
        _frontier(f"{name}, informed {share}", found["policies"]) for share, found in s["by_informed_share"].items()
    ]
    parts.append(f"<div class=row>{''.join(charts)}</div>")
    for share, found in s["by_informed_share"].items():
        parts.append(f"<h3>{name}: {float(share):.0%} of the requests informed</h3>")
        parts += [_paired(found["paired"]), _policies(found["policies"]), _anticipating(found["anticipating"])]
    parts += [_withdrawal_costs(s["frontier"]), _latencies(s["latencies"]), _volatility(s["lifetimes_by_volatility"])]
    return "".join(parts)


def _frontier(title: str, found: dict[str, Any]) -> str:
    """Pick-off rate against genuine fill rate: fixed lifetimes as a line, other policies as points."""
    fixed = [p for name, p in found.items() if name.startswith("fixed_") and name.endswith("ms")]
    series = [Series("fixed lifetimes", sorted((p["fill_rate"], p["pickoff_rate"]) for p in fixed), dots=False)]
    for name in _DRAWN:
        point = (found[name]["fill_rate"], found[name]["pickoff_rate"])
        series.append(Series(name.replace("_", " "), [point], line=False, dots=True))
    return figure(title, series, "fill rate of genuine clients", "pick-off rate of requests")


def _paired(paired: dict[str, Any]) -> str:
    rows = []
    for other, p in paired.items():
        rows.append(_difference(f"minus {other.replace('_', ' ')}", p, p))
        for account, a in p["accounts"].items():
            rows.append(_difference(f"… {account} accounts", a, {}))
    return table(
        (
            "Liquidity Provider, ticks per request",
            "difference",
            "95 % interval",
            "share of the distance to the oracle",
            "to the clairvoyant",
        ),
        rows,
    )


def _difference(name: str, p: dict[str, Any], shares: dict[str, Any]) -> list[str]:
    of = [shares.get(f"share_of_distance_to_{other}") for other in ("oracle", "clairvoyant")]
    return [
        name,
        f"{p['difference']:+.5f}",
        f"{p['low']:+.5f} to {p['high']:+.5f}",
        *("" if share is None else f"{share:.0%}" for share in of),
    ]


def _policies(found: dict[str, Any]) -> str:
    head = (
        *("policy", "genuine fills", "pick-offs", "refused", "withdrawn", "genuine hits refused", "worth, ticks"),
        *("net", "95 % interval", "minus per account", "95 % interval", "to the oracle"),
        *("0.1 s", "1 s", "10 s", "lifetime, ms"),
    )
    rows = []
    for name in (*_MAIN, *(n for n in found if n not in _MAIN)):
        p = found[name]
        rows.append(
            [
                *(name.replace("_", " "), _number(p["fill_rate"], 3), f"{p['pickoff_rate']:.4f}"),
                *(f"{p['refused_rate']:.3f}", f"{p['withdrawn_share']:.3f}", f"{p['refused_genuine']:.3f}"),
                *(_number(p["refused_genuine_worth_ticks"], 2), f"{p['net_per_request']:.4f}"),
                *(f"{p['net_low']:.4f} to {p['net_high']:.4f}", *_compared(p)),
                "-" if p["closed_share"] is None else f"{p['closed_share']:.0%}",
                *(_number(v, 3) for v in p["markout_ticks"].values()),
                f"{p['mean_lifetime_ms']:.0f}",
            ]
        )
    return table(head, rows)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _compared(p: dict[str, Any]) -> list[str]:
    compared = p["above_per_account"]
    return [f"{compared['difference']:+.4f}", f"{compared['low']:+.4f} to {compared['high']:+.4f}"]


def _anticipating(found: dict[str, Any]) -> str:
    """The models against snipers of which some do not wait until the market is through the price."""
    rows = [
        [
            *(name.replace("_", " "), _number(p["fill_rate"], 3), _number(p["sniped_rate"], 3)),
            *(f"{p['withdrawn_share']:.3f}", f"{p['net_per_request']:.4f}"),
            *(_compared(p) if "above_per_account" in p else ("", "")),
        ]
        for name, p in found["policies"].items()
    ]
    head = ("policy", "genuine fills", "sniped", "withdrawn", "net", "minus per account", "95 % interval")
    return f"<h4>{found['share']:.0%} of the snipers anticipate</h4>" + table(head, rows)


def _withdrawal_costs(frontier: list[dict[str, Any]]) -> str:
    """Few withdrawals or many: what each cost of a withdrawal brings."""
    rows = [
        [
            *(f"{p['withdrawal_cost_ticks']:g}", f"{p['withdrawn_share']:.3f}", _number(p["fill_rate"], 3)),
            *(f"{p['pickoff_rate']:.4f}", f"{p['refused_genuine']:.3f}", f"{p['net_per_request']:.4f}"),
            *(f"{p['difference']:+.4f}", f"{p['low']:+.4f} to {p['high']:+.4f}"),
            "-" if p["closed_share"] is None else f"{p['closed_share']:.0%}",
        ]
        for p in frontier
    ]
    head = (
        *("cost of a withdrawal, ticks", "withdrawn", "genuine fills", "pick-offs", "genuine hits refused", "net"),
        *("minus per account", "95 % interval", "to the oracle"),
    )
    return "<h3>Liquidity Provider by the cost of a withdrawal</h3>" + table(head, rows)


def _latencies(grid: list[dict[str, Any]]) -> str:
    policies = ("liquidity_provider", f"{BASE}_through", f"{BASE}_edge")
    rows = []
    for cell in grid:
        row = [f"{cell['own_ms']:g}", f"{cell['reaction_ms']:g}", f"{cell['race_lost']:.3f}"]
        for name in policies:
            p = cell[name]
            closed = "-" if p["closed_share"] is None else f"{p['closed_share']:.0%}"
            row += [f"{p['difference']:+.4f} ({p['low']:+.4f} to {p['high']:+.4f})", closed]
        rows.append(row)
    names = [text for name in policies for text in (name.replace("_", " "), "to the oracle")]
    head = ("own latency, ms", "snipers' reaction, ms", "races lost", *names)
    return "<h3>By latency: ticks per request above the best fixed lifetime per account</h3>" + table(head, rows)


def _volatility(found: dict[str, list[float]]) -> str:
    rows = [[name.replace("_", " "), *(f"{ms:.0f}" for ms in fifths)] for name, fifths in found.items()]
    head = ("mean lifetime, ms", *(f"fifth {k + 1}" for k in range(5)))
    return "<h3>Lifetimes by fifth of the volatility over 10 s, calm to busy</h3>" + table(head, rows)
