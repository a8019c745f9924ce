"""The report of a backtest as an HTML page: net per request first, then where it comes from and what it depends on."""

import html
import json
from typing import Any

from msgspec import convert

from quotelife.report.charts import Axis, Measured, Series, ends, intervals, lines, number
from quotelife.report.page import Column, Page, Table
from quotelife.report.provenance import Provenance
from quotelife_models.enums import MODELS
from quotelife_research.backtest.names import FORESIGHT, policy_name
from quotelife_research.backtest.studies_page import studies
from quotelife_research.backtest.symbol import BASE, FREE

_LEADING = 8  # policies in the first chart and table, the oracle among them
_ALWAYS = (*MODELS, BASE, "fixed_best")
_DRAWN = (*reversed(MODELS), BASE, f"{BASE}_edge", "oracle")  # on the frontier, beside the fixed lifetimes
_PER_REQUEST = "ticks per request"
_SHARE, _TICKS = "%", "ticks"
_COLUMNS = (
    Column("policy"),
    Column("net", _PER_REQUEST),
    Column("95 % interval", _PER_REQUEST),
    Column("above fixed per client", _PER_REQUEST),
    Column("95 % interval", _PER_REQUEST),
    Column("of the way to the oracle", _SHARE),
    Column("picked off", "% of requests"),
    Column("genuine fills", "% of genuine requests"),
    Column("withdrawn", "% of quotes"),
    Column("genuine hits refused", "% of them in time"),
    Column("worth of one refused", _TICKS),
    Column("not quoted", "% of requests"),
    Column("mean lifetime", "ms"),
    Column("markout 0.1 s", _TICKS),
    Column("1 s", _TICKS),
    Column("10 s", _TICKS),
)


def render(report: dict[str, Any]) -> str:
    """The page of a backtest's `report.json`."""
    page = Page("Backtest", convert(report["provenance"], Provenance))
    limit = report["assumptions"]["withdrawal_limit"]
    for symbol, found in report["symbols"].items():
        page.text(_answer(symbol, found, limit), "lead")
    page.text(
        "The clients are simulated: their behaviour is an assumption, not a measurement. The market is real. All "
        "policies answer the same requests; tuned policies were tuned on earlier days."
    )
    page.charts(*(_net(symbol, found, limit) for symbol, found in report["symbols"].items()), narrow=True)
    for symbol, found in report["symbols"].items():
        page.heading(symbol)
        days = f"Tuned on {', '.join(found['tuned_on'])}; tested on {', '.join(found['tested_on'])}."
        page.text(f"{days} {found['informed']:.0%} of the requests are informed.")
        _policies(page, found["policies"], limit)
        page.charts(_differences(found["policies"]), _frontier(found["policies"]))
        _by_informed_share(page, symbol, found)
        studies(page, found)
    _explanations(page, report)
    return page.html()


def ranked(policies: dict[str, Any], limit: float) -> tuple[list[str], list[str]]:
    """(The policies that a desk can run within its limit of withdrawals, best first; the others)."""
    order = sorted(policies, key=lambda name: -policies[name]["net_per_request"])
    real = [name for name in order if name not in FORESIGHT]
    possible = [n for n in real if n != FREE and policies[n]["withdrawn_share"] <= limit] or real
    return possible, [name for name in order if name not in possible]


def _leading(policies: dict[str, Any], limit: float) -> list[str]:
    """The best policy, the models, the best fixed lifetimes and then the next best, best first; the oracle last."""
    possible, _ = ranked(policies, limit)
    chosen = dict.fromkeys([*possible[:1], *_ALWAYS, *possible])
    few = list(chosen)[: _LEADING - 1]
    return [*sorted(few, key=lambda name: -policies[name]["net_per_request"]), "oracle"]


def _answer(symbol: str, found: dict[str, Any], limit: float) -> str:
    policies = found["policies"]
    possible, _ = ranked(policies, limit)
    best, base = policies[possible[0]], policies[BASE]
    text = (
        f"{symbol}: of the policies that withdraw at most {limit:.0%} of their quotes, {policy_name(possible[0])} nets "
        f"most, {best['net_per_request']:.4f} ticks per request (95 %: {ends(best['net_low'], best['net_high'])}); "
        f"the best fixed lifetime per client nets {base['net_per_request']:.4f}."
    )
    above = policies["liquidity_provider"]["above_per_account"]
    side = "more" if above["difference"] >= 0 else "less"
    clear = "" if above["low"] > 0 or above["high"] < 0 else ", a difference that the interval does not separate from 0"
    return (
        f"{text} Liquidity Provider nets {abs(above['difference']):.4f} {side} than that "
        f"(95 %: {ends(above['low'], above['high'])}){clear}."
    )


def _net(symbol: str, found: dict[str, Any], limit: float) -> Any:
    policies = found["policies"]
    possible, _ = ranked(policies, limit)
    rows = [
        Measured(
            *(policy_name(name), p["net_per_request"], p["net_low"], p["net_high"]),
            f"picked off {p['pickoff_rate']:.2%}, withdrawn {p['withdrawn_share']:.1%}",
            "answer" if name == possible[0] else "plain" if name in possible else "reference",
        )
        for name in _leading(policies, limit)
        for p in [policies[name]]
    ]
    note = (
        f"{found['informed']:.0%} of the requests informed. Hollow: the oracle, which foresees the market, and "
        f"policies that withdraw more than {limit:.0%}."
    )
    return intervals(f"{symbol}: net per request", Axis("net, ticks per request"), rows, note)


def _policies(page: Page, policies: dict[str, Any], limit: float) -> None:
    leading = _leading(policies, limit)
    possible, others = ranked(policies, limit)
    leading = [possible[0], *(name for name in leading if name != possible[0])]
    rest = [name for name in (*possible, *others) if name not in leading]
    rows = [_row(name, policies[name]) for name in (*leading, *rest)]
    page.table(_COLUMNS, rows, best=0, every="all policies", shown=len(leading))


def _row(name: str, p: dict[str, Any]) -> list[str]:
    above = p["above_per_account"]
    return [
        policy_name(name),
        *(number(p["net_per_request"]), ends(p["net_low"], p["net_high"])),
        *(f"{above['difference']:+.4f}", f"{above['low']:+.4f} to {above['high']:+.4f}"),
        number(p["closed_share"], 2, True),
        *(f"{p['pickoff_rate']:.2%}", number(p["fill_rate"], 3, True), f"{p['withdrawn_share']:.1%}"),
        *(f"{p['refused_genuine']:.1%}", number(p["refused_genuine_worth_ticks"], 2), f"{p['refused_rate']:.1%}"),
        f"{p['mean_lifetime_ms']:.0f}",
        *(number(ticks, 3) for ticks in p["markout_ticks"].values()),
    ]


def _differences(policies: dict[str, Any]) -> Any:
    """Each policy minus the best fixed lifetime per client, from the same requests."""
    names = [name for name in _ALWAYS if name != BASE] + [f"{BASE}_edge", f"{BASE}_through"]
    rows = [
        Measured(policy_name(name), above["difference"], above["low"], above["high"], "", "plain")
        for name in sorted(names, key=lambda n: -policies[n]["above_per_account"]["difference"])
        for above in [policies[name]["above_per_account"]]
    ]
    rows[0] = rows[0]._replace(emphasis="answer")
    return intervals(
        "Above the best fixed lifetime per client",
        Axis("difference of the net, ticks per request"),
        rows,
        "Paired: both answer the same requests, so that the market's chance cancels.",
    )


def _frontier(policies: dict[str, Any]) -> Any:
    """Pick-off rate against genuine fill rate: fixed lifetimes as a line, other policies as points."""
    fixed = {name: p for name, p in policies.items() if name.startswith("fixed_") and name.endswith("ms")}
    order = sorted(fixed, key=lambda name: fixed[name]["fill_rate"] or 0.0)
    series = [_points("fixed lifetimes", order, policies, True, 6)]
    series += [_points(policy_name(name), [name], policies, False, n) for n, name in enumerate(_DRAWN[:-1])]
    series.append(_points(policy_name(_DRAWN[-1]), [_DRAWN[-1]], policies, False, 7))
    return lines(
        "Pick-offs against genuine fills",
        Axis("genuine requests filled", percent=True),
        Axis("requests picked off", percent=True),
        series,
        "Right and down is better; hover for the net.",
    )


def _points(name: str, chosen: list[str], policies: dict[str, Any], line: bool, style: int) -> Series:
    found = [policies[each] for each in chosen]
    hover = [f"{policy_name(each)}: net {policies[each]['net_per_request']:.4f} {_PER_REQUEST}" for each in chosen]
    x, y = [p["fill_rate"] or 0.0 for p in found], [p["pickoff_rate"] for p in found]
    return Series(name, x, y, line=line, hover=hover, style=style)


def _by_informed_share(page: Page, symbol: str, found: dict[str, Any]) -> None:
    shares = sorted(found["by_informed_share"], key=float)
    if len(shares) > 1:
        page.charts(_informed(found["by_informed_share"], shares, True), _informed(found["by_informed_share"], shares))
    for share in shares:
        part = found["by_informed_share"][share]
        rows = [_row(name, p) for name, p in sorted(part["policies"].items(), key=lambda i: -i[1]["net_per_request"])]
        page.folded(
            f"{symbol} with {float(share):.0%} of the requests informed",
            Table("All policies", _COLUMNS, rows),
            _paired(part["paired"]),
            _anticipating(part["anticipating"]),
        )


def _informed(by_share: dict[str, Any], shares: list[str], above: bool = False) -> Any:
    """Net, or what is above the best fixed lifetime per client, by the share of informed requests."""
    series = []
    for name in (*reversed(MODELS), f"{BASE}_edge", *(() if above else (BASE,))):
        found = [by_share[share]["policies"][name] for share in shares]
        if above:
            kept = [p["above_per_account"] for p in found]
            values = [(p["difference"], p["low"], p["high"]) for p in kept]
        else:
            values = [(p["net_per_request"], p["net_low"], p["net_high"]) for p in found]
        y, low, high = (list(column) for column in zip(*values, strict=True))
        series.append(Series(policy_name(name), [float(share) for share in shares], y, low, high))
    title = "Above the best fixed lifetime per client, by informed share" if above else "Net by informed share"
    y_title = "difference of the net, ticks per request" if above else "net, ticks per request"
    return lines(title, Axis("informed share of the requests", percent=True), Axis(y_title), series)


def _paired(paired: dict[str, Any]) -> Table:
    rows = []
    for other, p in paired.items():
        to = [number(p.get(f"share_of_distance_to_{best}"), 2, True) for best in FORESIGHT]
        rows.append([f"minus {policy_name(other)}", f"{p['difference']:+.5f}", ends(p["low"], p["high"], 5), *to])
        for account, a in p["accounts"].items():
            rows.append([f"… {account} clients", f"{a['difference']:+.5f}", ends(a["low"], a["high"], 5), "", ""])
    head = (
        *(Column("Liquidity Provider"), Column("difference", _PER_REQUEST), Column("95 % interval", _PER_REQUEST)),
        *(Column("of the way to the oracle", _SHARE), Column("to the clairvoyant", _SHARE)),
    )
    return Table("Liquidity Provider, also by kind of client", head, rows)


def _anticipating(found: dict[str, Any]) -> Table:
    """The models against snipers of which some do not wait until the market is through the price."""
    rows = []
    for name, p in found["policies"].items():
        above = p.get("above_per_account")
        compared = ["", ""] if above is None else [f"{above['difference']:+.4f}", ends(above["low"], above["high"])]
        rows.append(
            [
                *(policy_name(name), number(p["net_per_request"]), *compared),
                *(number(p["fill_rate"], 3, True), number(p["sniped_rate"], 3, True), f"{p['withdrawn_share']:.1%}"),
            ]
        )
    head = (
        *(Column("policy"), Column("net", _PER_REQUEST), Column("above fixed per client", _PER_REQUEST)),
        *(Column("95 % interval", _PER_REQUEST), Column("genuine fills", "% of genuine requests")),
        *(Column("sniped", "% of informed requests"), Column("withdrawn", "% of quotes")),
    )
    return Table(f"{found['share']:.0%} of the snipers anticipate", head, rows)


def _explanations(page: Page, report: dict[str, Any]) -> None:
    page.heading("How it was measured")
    page.points(
        [
            "Net: ticks per request of one unit, each fill hedged at the mid, free of charge. Requests without a fill "
            "count as 0. Intervals: bootstrap of five-minute blocks, because neighbouring requests share a market.",
            "A quote is withdrawn for what the desk had seen by then; what reaches the desk first counts. The models "
            "decide on lifetime and withdrawal with one value; by edge, by risk and when through (the market) are rules"
            " behind a lifetime; both tuned: lifetime and rule together, for each client.",
            "The oracle foresees the market but not the kind of client; the clairvoyant foresees both.",
            "Worth of one refused: what a genuine hit would have brought that a withdrawal refused. Markouts are means "
            "over the fills.",
        ]
    )
    assumed = html.escape(json.dumps(report["assumptions"], indent=1))
    page.fold("Assumptions", f"<pre>{assumed}</pre>")
