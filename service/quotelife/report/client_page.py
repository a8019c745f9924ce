"""The report of a client as one HTML page without external references, for the client itself to read."""

from collections.abc import Sequence

from quotelife.report.charts import Axis, Chart, Measured, bars, intervals, number
from quotelife.report.client_report import DIRECTIONS, ClientReport, Spread
from quotelife.report.page import Column, Page
from quotelife.report.provenance import Provenance

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
_BETWEEN = "5 % to 95 %"
_RULES = (
    "There is no last look. A hit that is received before the quote's ValidUntilTime is filled at the quoted price, "
    "unless the service had decided to withdraw the quote before it received the hit. Nothing that is known only after "
    "the receipt of a hit decides on it, and no hit is held back.",
    "The lifetime of a quote is decided once, when it is issued, and stated in it. It is shorter where the risk is "
    "larger that the market passes the price.",
    "A quote may be withdrawn before its ValidUntilTime, by a message, when it is not worth its risk any more: in the "
    "main, when the market has moved for the client. The table of withdrawals shows both directions.",
    "Requests are decided on by the terms agreed with the client, by what the market does, and by how the client's "
    "earlier hits have turned out.",
)


def render(report: ClientReport, origin: Provenance) -> str:
    """The page."""
    page = Page(f"How {report.client} was dealt with", origin)
    seen = f"{report.first_request} to {report.last_request}" if report.first_request else "none"
    filled = sum(hits.n for hits in report.hits if hits.outcome.startswith("filled"))
    hit = sum(hits.n for hits in report.hits)
    page.text(f"{report.quotes} quotes, {hit} hits, of which {filled} were filled ({_share(filled, hit)}).", "lead")
    page.text(
        f"From {report.since} to {report.until}, UTC. Requests in this time: {seen}. Everything is counted from the "
        "service's own records. Times are those of the service's clock."
    )
    page.charts(_outcomes(report, hit), _markout_chart(report), _lifetimes(report))
    page.heading("The rules")
    page.text(
        "Principle 17 of the FX Global Code asks a dealer to say whether, how long and why it may refuse a client's "
        "request to deal at a quoted price, and whether moves of the price in both directions count. The rules of this "
        "service are:"
    )
    page.points(_RULES)
    _quotes(page, report)
    _hits(page, report)
    _withdrawals(page, report)
    _decisions(page, report)
    _markouts(page, report)
    return page.html()


def _outcomes(report: ClientReport, total: int) -> Chart:
    rows = [Measured(_outcome(hits.outcome), hits.n / total, hover=f"{hits.n} hits") for hits in report.hits]
    return bars("What became of the hits", Axis("hits", percent=True, zero=True), rows)


def _markout_chart(report: ClientReport) -> Chart:
    rows = [
        Measured(f"{_outcome(m.outcome)}, {_HORIZONS[m.horizon]} later", m.ticks.mean, m.ticks.p5, m.ticks.p95)
        for m in report.markouts
        if m.ticks.mean is not None
    ]
    axis = Axis("move of the mid for you, ticks")
    return intervals(
        "What the market did after a hit", axis, rows, f"Mean, and {_BETWEEN}.", between=_BETWEEN, digits=2
    )


def _lifetimes(report: ClientReport) -> Chart:
    rows = [
        Measured(_words(model).title(), s.p50, s.p5, s.p95, f"{s.n} quotes")
        for model, s in report.lifetimes_ms.items()
        if s.p50
    ]
    axis = Axis("lifetime, ms", log=True)
    return intervals("Lifetimes by expiry model", axis, rows, f"Median, and {_BETWEEN}.", between=_BETWEEN, digits=0)


def _outcome(outcome: str) -> str:
    return _OUTCOMES.get(outcome, outcome).partition(":")[0].partition(" (")[0]


def _quotes(page: Page, report: ClientReport) -> None:
    refused = sum(report.refusals.values())
    page.heading("Requests and quotes")
    page.text(f"{report.quotes + refused} requests: {report.quotes} quotes, {refused} refusals.")
    rows = [[_words(name), str(n), _share(n, report.quotes)] for name, n in report.states.items()]
    page.table((Column("quotes that ended as"), Column("number"), Column("share", "% of quotes")), rows)
    if report.ends_by_client:
        page.table((Column("ended by you as"), Column("number")), _counts(report.ends_by_client))
    if report.refusals:
        page.table((Column("refused because"), Column("number")), _counts(report.refusals), every="all reasons")
    models = [[_words(model), *_spread(s)] for model, s in report.lifetimes_ms.items()]
    page.table((Column("lifetime by expiry model"), *_columns("ms")), models)
    page.table((Column("lifetime set by"), Column("number")), _counts(report.lifetime_reasons), every="all reasons")


def _hits(page: Page, report: ClientReport) -> None:
    total = sum(hits.n for hits in report.hits)
    page.heading("Hits")
    rows = [
        [_OUTCOMES.get(h.outcome, h.outcome), str(h.n), _share(h.n, total), *_spread(h.response_ms)[1:]]
        for h in report.hits
    ]
    after = [Column(f"{column.head} after the quote", "ms") for column in _columns("ms")[1:]]
    page.table((Column("hits that came"), Column("number"), Column("share", "% of hits"), *after), rows)
    late = report.late_by_ms
    if late.n:
        page.text(f"Late hits came {_number(late.p50)} ms after the ValidUntilTime, the median of {late.n}.")


def _withdrawals(page: Page, report: ClientReport) -> None:
    one_sided = sum(report.withdrawn_after.values())
    hits = sum(report.withdrawn_hits_after.values())
    page.heading("Withdrawals")
    page.table((Column("withdrawn because"), Column("number")), _counts(report.withdrawals))
    rows = []
    for direction in DIRECTIONS:
        quotes, refused = report.withdrawn_after.get(direction, 0), report.withdrawn_hits_after.get(direction, 0)
        shares = _share(quotes, one_sided), _share(refused, hits)
        rows.append([_DIRECTIONS[direction], str(quotes), shares[0], str(refused), shares[1]])
    head = (
        *(Column("the market's mid had moved since the quote"), Column("quotes withdrawn"), Column("share", "%")),
        *(Column("hits refused for it"), Column("share", "%")),
    )
    page.table(head, rows)
    if report.withdrawn_two_way:
        page.text(f"{report.withdrawn_two_way} withdrawn quotes were for both sides; each move is for you on one.")


def _decisions(page: Page, report: ClientReport) -> None:
    page.heading("Decision times")
    page.text(
        "From reading a request to its decision. A hit has no such time: it is decided when it is received, and "
        "answered once the fill is on disk."
    )
    page.table((Column("decision time"), *_columns("µs")), [["all quotes", *_spread(report.decision_us)]])
    if report.unreadable:
        page.text(f"{report.unreadable} quotes were recorded by another version: no decision time.", "note")


def _markouts(page: Page, report: ClientReport) -> None:
    page.heading("What the market did afterwards")
    head = (Column("price of the fills over the mid, positive for the desk"), *_columns("ticks"))
    page.table(head, [["all fills", *_spread(report.edge_ticks)]])
    rows = [
        [
            f"{_outcome(m.outcome)}, {_HORIZONS[m.horizon]} later",
            *map(str, (m.against_desk, m.for_desk, m.unchanged)),
            _number(m.ticks.mean),
        ]
        for m in report.markouts
    ]
    head = (
        *(Column("the mid after a hit that came"), Column("moved for you", "hits"), Column("against you", "hits")),
        *(Column("not at all", "hits"), Column("mean, for you", "ticks")),
    )
    page.table(head, rows, every="all outcomes")


def _columns(unit: str) -> tuple[Column, ...]:
    return (Column("number"), *(Column(name, unit) for name in ("mean", "5 %", "median", "95 %")))


def _spread(spread: Spread) -> list[str]:
    return [str(spread.n), *(_number(value) for value in (spread.mean, spread.p5, spread.p50, spread.p95))]


def _number(value: float | None) -> str:
    return number(None) if value is None else f"{value:.3g}" if abs(value) < 1_000 else f"{value:.0f}"


def _share(n: int, of: int) -> str:
    return f"{n / of:.1%}" if of else number(None)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _counts(counts: dict[str, int]) -> Sequence[Sequence[str]]:
    return [[_words(name), str(n)] for name, n in counts.items()]
