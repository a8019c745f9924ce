"""The report of a client as one HTML page without external references, for the client itself to read."""

from collections.abc import Sequence
from html import escape

from quotelife.report.client_report import DIRECTIONS, ClientReport, Spread

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#111;background:#fff;margin:2em auto;max-width:960px;padding:0 1em}
h1{font-size:1.5em} h2{font-size:1.15em;margin-top:2em;border-top:1px solid #ccc;padding-top:.6em}
table{border-collapse:collapse;margin:1em 0} td,th{padding:.2em .9em;text-align:right;border-bottom:1px solid #eee}
td:first-child,th:first-child{text-align:left;padding-left:0} p{max-width:46em} .note{color:#555}
"""
_OUTCOMES = {
    "filled": "in time, filled",
    "filled_in_grace": "in the grace period, filled",
    "late": "late: after the ValidUntilTime, refused",
    "withdrawn": "after the withdrawal of the quote, refused",
    "refused": "not allowed by the quote (price, size, side, used before), refused",
    "failed": "could not be recorded, refused",
}
_DIRECTIONS = {
    "for_client": "for you: the quote had become better than the market for you",
    "for_desk": "against you: the quote had become worse than the market for you",
    "unchanged": "not at all",
    "unknown": "not known",
}
_HORIZONS = {"100ms": "0.1 s", "1s": "1 s", "10s": "10 s"}


def render(report: ClientReport) -> str:
    """The page."""
    title = f"How {report.client} was dealt with"
    seen = f"{report.first_request} to {report.last_request}" if report.first_request else "none"
    parts = [
        f"<p>From {report.since} to {report.until}, UTC. Requests in this time: {escape(seen)}. Everything is counted "
        "from the service's own records. Times are those of the service's clock.</p>",
        _rules(),
        _quotes(report),
        _hits(report),
        _withdrawals(report),
        _decisions(report),
        _markouts(report),
    ]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{''.join(parts)}</html>\n"
    )


def _rules() -> str:
    return (
        "<h2>The rules</h2><p>Principle 17 of the FX Global Code asks a dealer to say whether, how long and why it may "
        "refuse a client's request to deal at a quoted price, and whether moves of the price in both directions count. "
        "The rules of this service are:</p><ul>"
        "<li>There is no last look. A hit that is received before the quote's ValidUntilTime is filled at the quoted "
        "price, unless the service had decided to withdraw the quote before it received the hit. Nothing that is known "
        "only after the receipt of a hit decides on it, and no hit is held back.</li>"
        "<li>The lifetime of a quote is decided once, when it is issued, and stated in it. It is shorter where the "
        "risk is larger that the market passes the price.</li>"
        "<li>A quote may be withdrawn before its ValidUntilTime, by a message, when it is not worth its risk any more: "
        "in the main, when the market has moved for the client. The table of withdrawals shows both directions.</li>"
        "<li>Requests are decided on by the terms agreed with the client, by what the market does, and by how the "
        "client's earlier hits have turned out.</li></ul>"
    )


def _quotes(report: ClientReport) -> str:
    rows = [[name.replace("_", " "), str(n), _share(n, report.quotes)] for name, n in report.states.items()]
    refused = sum(report.refusals.values())
    parts = [
        "<h2>Requests and quotes</h2>",
        f"<p>{report.quotes + refused} requests: {report.quotes} quotes, {refused} refusals.</p>",
        _table(("quotes that ended as", "number", "share"), rows),
    ]
    if report.ends_by_client:
        said = [[name.replace("_", " "), str(n)] for name, n in report.ends_by_client.items()]
        parts.append(_table(("ended by you as", "number"), said))
    if report.refusals:
        parts.append(_table(("refused because", "number"), _counts(report.refusals)))
    models = [[model.replace("_", " "), *_spread(s)] for model, s in report.lifetimes_ms.items()]
    parts.append(_table(("lifetime in ms, by expiry model", *_SPREAD), models))
    parts.append(_table(("lifetime set by", "number"), _counts(report.lifetime_reasons)))
    return "".join(parts)


def _hits(report: ClientReport) -> str:
    total = sum(hits.n for hits in report.hits)
    rows = [
        [_OUTCOMES.get(h.outcome, h.outcome), str(h.n), _share(h.n, total), *_spread(h.response_ms)[1:]]
        for h in report.hits
    ]
    late = report.late_by_ms
    after = f"<p>Late hits came {_number(late.p50)} ms after the ValidUntilTime, the median of {late.n}.</p>"
    head = ("hits that came", "number", "share", *(f"ms after the quote, {each}" for each in _SPREAD[1:]))
    return f"<h2>Hits</h2>{_table(head, rows)}{after if late.n else ''}"


def _withdrawals(report: ClientReport) -> str:
    one_sided = sum(report.withdrawn_after.values())
    hits = sum(report.withdrawn_hits_after.values())
    rows = [
        [
            _DIRECTIONS[direction],
            str(report.withdrawn_after.get(direction, 0)),
            _share(report.withdrawn_after.get(direction, 0), one_sided),
            str(report.withdrawn_hits_after.get(direction, 0)),
            _share(report.withdrawn_hits_after.get(direction, 0), hits),
        ]
        for direction in DIRECTIONS
    ]
    head = ("the market's mid had moved since the quote", "quotes withdrawn", "share", "hits refused for it", "share")
    both = f"<p>{report.withdrawn_two_way} withdrawn quotes were for both sides; each move is for you on one.</p>"
    return (
        f"<h2>Withdrawals</h2>{_table(('withdrawn because', 'number'), _counts(report.withdrawals))}"
        f"{_table(head, rows)}{both if report.withdrawn_two_way else ''}"
    )


def _decisions(report: ClientReport) -> str:
    note = ""
    if report.unreadable:
        note = f"<p class=note>{report.unreadable} quotes were recorded by another version: no decision time.</p>"
    return (
        "<h2>Decision times</h2><p>From reading a request to its decision. A hit has no such time: it is decided when "
        "it is received, and answered once the fill is on disk.</p>"
        f"{_table(('decision time in microseconds', *_SPREAD), [['all quotes', *_spread(report.decision_us)]])}{note}"
    )


def _markouts(report: ClientReport) -> str:
    edge = _table(
        ("price of the fills over the mid, ticks, positive for the desk", *_SPREAD),
        [["all fills", *_spread(report.edge_ticks)]],
    )
    rows = [
        [
            f"{_OUTCOMES.get(m.outcome, m.outcome).partition(':')[0]}, {_HORIZONS[m.horizon]} later",
            *map(str, (m.against_desk, m.for_desk, m.unchanged)),
            _number(m.ticks.mean),
        ]
        for m in report.markouts
    ]
    head = ("the mid after a hit that came", "moved for you", "against you", "not at all", "mean in ticks, for you")
    return f"<h2>What the market did afterwards</h2>{edge}{_table(head, rows)}"


_SPREAD = ("number", "mean", "5 %", "median", "95 %")


def _spread(spread: Spread) -> list[str]:
    return [str(spread.n), *(_number(value) for value in (spread.mean, spread.p5, spread.p50, spread.p95))]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 1_000 else f"{value:.0f}"


def _share(n: int, of: int) -> str:
    return f"{n / of:.1%}" if of else "–"


def _counts(counts: dict[str, int]) -> list[list[str]]:
    return [[name.replace("_", " "), str(n)] for name, n in counts.items()]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p class=note>None.</p>"
    cells = "".join(f"<th>{escape(each)}" for each in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in rows)
    return f"<table><tr>{cells}{lines}</table>"
