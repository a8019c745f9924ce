"""The report of a live period as an HTML page, in the order of a backtest's: net per request first."""

from quotelife.report.charts import Axis, Chart, Measured, Series, bars, ends, intervals, lines, number
from quotelife.report.counterfactual import FEWEST_SEEN, FixedLifetimes
from quotelife.report.desk_report import EVERYONE, HEDGED, HORIZONS, DeskReport, Estimate, Group, InstrumentReport
from quotelife.report.page import Column, Page, Table
from quotelife_models.enums import MODELS

_PER_REQUEST, _TICKS = "ticks per request", "ticks"
_MOST = 10  # clients in a chart of rows, the worst
_MOST_LINES = 5  # in a chart of lines
_FEWEST_FILLS = 5  # of a client in a chart of lines
_FEWEST_REQUESTS = 100  # for the charts of an instrument, or of a client's fixed lifetimes
_NET_AXIS = Axis("net, ticks per request")
_COLUMNS = (
    *(Column("name"), Column("net", _PER_REQUEST), Column("95 % interval", _PER_REQUEST), Column("requests")),
    *(Column("picked off", "% of requests"), Column("fills", "% of quotes"), Column("withdrawn", "% of quotes")),
    *(Column("not quoted", "% of requests"), Column("median lifetime", "ms")),
    *(Column("markout 0.1 s", _TICKS), Column("1 s", _TICKS), Column("10 s", _TICKS)),
    *(Column("hits refused for a withdrawal"), Column("worth of one", _TICKS)),
    *(Column("late hits"), Column("worth of one", _TICKS)),
)


def render(report: DeskReport) -> str:
    """The page."""
    last = "" if report.first_day == report.last_day else f" to {report.last_day}"
    page = Page(f"The desk, {report.first_day}{last}", report.provenance)
    for found in report.instruments:
        page.text(_answer(found), "lead")
    page.text(
        "Net: ticks per request, 0 without a fill, each fill hedged at the mid 0.1 s after its hit, free of charge: "
        "the shortest time that is measured exactly. A backtest hedges after 1 ms. What clients do is measured here, "
        "not assumed. Picked off: filled, and the mid had passed the price at the hit or one second later."
    )
    drawn = [found for found in report.instruments if found.clients[0].requests >= _FEWEST_REQUESTS]
    shown = drawn or report.instruments[:1]
    page.charts(*(_net(found.symbol, "client", found.clients) for found in shown), narrow=len(shown) > 2)
    for found in report.instruments:
        _instrument(page, found)
    page.heading("How it was measured")
    page.points(
        [
            "Everything is counted from the recorder's history. Each quote of a stream counts as a request.",
            "Intervals: bootstrap of blocks of the time that each section names, because neighbouring requests share a "
            "market; none where the requests lie in fewer than five blocks.",
            "Markouts: how far the mid moved against the desk after a hit. Worth of a hit: its edge over the mid less "
            "the markout after 0.1 s. Fills with an unknown mid are left out of nets and markouts.",
            "Models differ in the requests that they were selected for, so their nets do not compare the models: a "
            "backtest does, on the same requests.",
        ]
    )
    return page.html()


def _answer(found: InstrumentReport) -> str:
    everyone, *clients = found.clients
    net = everyone.net[HEDGED]
    text = (
        f"{found.symbol}: the desk netted {_ticks(net)} ticks per request (95 %: {ends(net.low, net.high)}) on "
        f"{everyone.requests} requests; {number(everyone.picked_off.mean, 4, True)} were picked off."
    )
    if len(clients) < 2 or clients[0].net[HEDGED].mean is None:
        return text
    worst = clients[0].net[HEDGED]
    return f"{text} Lowest: {clients[0].name} with {_ticks(worst)} (95 %: {ends(worst.low, worst.high)})."


def _ticks(estimate: Estimate) -> str:
    return number(estimate.mean)


def _instrument(page: Page, found: InstrumentReport) -> None:
    page.heading(found.symbol)
    page.text(f"Blocks of {found.block_s:g} s.", "note")
    page.table(_COLUMNS, [_row(group) for group in found.clients], best=0, every="all clients")
    if found.clients[0].requests < _FEWEST_REQUESTS:
        page.text(f"Fewer than {_FEWEST_REQUESTS} requests: too few for charts.", "note")
        return
    clients = found.clients[1:]
    page.charts(
        _net(found.symbol, "model", found.models, everyone=False),
        _by_hedge(found.clients),
        _picked_off(clients),
        _markouts(found.clients),
        _lifetimes(found.models),
        _withdrawals(found.clients[0]),
        _refused(clients),
    )
    page.folded(f"{found.symbol} by model", Table("By model that decided", _COLUMNS, [_row(g) for g in found.models]))
    _fixed(page, found)


def _row(group: Group) -> list[str]:
    net = group.net[HEDGED]
    return [
        *(_named(group.name), number(net.mean), ends(net.low, net.high), str(group.requests)),
        *(number(e.mean, 4, True) for e in (group.picked_off, group.filled, group.withdrawn)),
        *(number(group.refused / group.requests, 3, True), number(group.lifetime_ms.p50, 0)),
        *(number(e.mean, 2) for e in group.markouts.values()),
        *(str(group.withdrawn_hits.n), number(group.withdrawn_hits.mean, 2)),
        *(str(group.late_hits.n), number(group.late_hits.mean, 2)),
    ]


def _measured(name: str, e: Estimate, hover: str = "", answer: bool = False) -> Measured | None:
    if e.mean is None:
        return None
    return Measured(name, e.mean, e.low, e.high, hover, "answer" if answer else "plain")


def _some(rows: list[Measured | None]) -> list[Measured]:
    return [row for row in rows if row is not None]


def _net(symbol: str, by: str, groups: list[Group], everyone: bool = True) -> Chart:
    rows = []
    for group in groups[: _MOST + everyone]:
        hover = f"{group.requests} requests, {group.fills} fills"
        rows.append(_measured(_named(group.name), group.net[HEDGED], hover, answer=group.name == EVERYONE))
    note = f"Hedged 0.1 s after the hit{', lowest first' if everyone and len(groups) > 2 else ''}."
    return intervals(f"{symbol}: net per request by {by}", _NET_AXIS, _some(rows), note)


def _named(name: str) -> str:
    """A model as people call it; other names are the configuration's."""
    return name.replace("_", " ").title() if name in MODELS else name


def _by_hedge(groups: list[Group]) -> Chart:
    """Net by the time until the hedge: what falls with it is adverse selection."""
    series = []
    for group in _drawn(groups):
        known = [(n, group.net[h]) for n, h in enumerate(HORIZONS) if group.net[h].mean is not None]
        x, y = [float(n) for n, _ in known], [e.mean or 0.0 for _, e in known]
        series.append(Series(group.name, x, y, [e.low for _, e in known], [e.high for _, e in known]))
    axis = Axis("hedged so long after the hit", ticks=(0, 1, 2, 3), labels=("at once", "0.1 s", "1 s", "10 s"))
    return lines("Net by the time until the hedge", axis, _NET_AXIS, series, _fewer(groups))


def _drawn(groups: list[Group]) -> list[Group]:
    """All clients together, and those with the lowest net that have enough fills."""
    return [group for group in groups if group.fills >= _FEWEST_FILLS][: _MOST_LINES + 1]


def _fewer(groups: list[Group]) -> str:
    few = len(_drawn(groups)) < len(groups)
    return f"At most {_MOST_LINES} clients, of those with {_FEWEST_FILLS} fills the lowest net." if few else ""


def _picked_off(clients: list[Group]) -> Chart:
    order = sorted(clients, key=lambda group: -(group.picked_off.mean or 0.0))[:_MOST]
    rows = [_measured(group.name, group.picked_off, f"{group.requests} requests") for group in order]
    return intervals("Pick-offs by client", Axis("requests picked off", percent=True), _some(rows))


def _markouts(groups: list[Group]) -> Chart:
    series = []
    for group in _drawn(groups):
        known = [(n, e) for n, e in enumerate(group.markouts.values()) if e.mean is not None]
        x, y = [float(n) for n, _ in known], [e.mean or 0.0 for _, e in known]
        series.append(Series(group.name, x, y, [e.low for _, e in known], [e.high for _, e in known]))
    axis = Axis("time after the hit", ticks=(0, 1, 2), labels=("0.1 s", "1 s", "10 s"))
    return lines("Markouts of the fills", axis, Axis("markout against the desk, ticks"), series, _fewer(groups))


def _lifetimes(models: list[Group]) -> Chart:
    rows = [
        Measured(_named(g.name), g.lifetime_ms.p50, g.lifetime_ms.p5, g.lifetime_ms.p95, f"{g.quotes} quotes")
        for g in models
        if g.lifetime_ms.p50 is not None
    ]
    axis = Axis("lifetime, ms", log=True)
    return intervals("Lifetimes by model", axis, rows, "Median, and from 5 % to 95 %.", between="5 % to 95 %", digits=0)


def _withdrawals(everyone: Group) -> Chart:
    rows = [
        Measured(because.replace("_", " "), n / everyone.quotes, hover=f"{n} quotes")
        for because, n in everyone.withdrawn_because.items()
    ]
    return bars("Withdrawals by reason", Axis("quotes withdrawn", percent=True), rows)


def _refused(clients: list[Group]) -> Chart:
    """What refused hits would have brought: below zero, refusing them was right."""
    rows = []
    for group in clients[:_MOST]:
        for what, e in (("after a withdrawal", group.withdrawn_hits), ("late", group.late_hits)):
            rows.append(_measured(f"{group.name}, {what}", e, f"{e.n} hits"))
    return intervals(
        "What refused hits would have brought",
        Axis("worth of a hit, ticks"),
        _some(rows),
        "Below zero, the withdrawal or the end of the lifetime has saved the desk that much each.",
        digits=2,
    )


def _fixed(page: Page, found: InstrumentReport) -> None:
    page.heading("Had each client a fixed lifetime", 3)
    page.text(
        "A counterfactual, only as far as recorded hits tell: hits that were late or came after a withdrawal count, "
        "with what the market did after them. Hits that a client did not send because its quote had ended are not "
        "seen, so the longer a lifetime is beside those that were quoted, the less is known; and nobody can say how "
        "the client would have behaved. Seen: the share of the quotes of which the outcome is known."
    )
    rows = [_choice(fixed) for fixed in found.fixed]
    head = (
        *(Column("client"), Column("best fixed lifetime", "ms, tuned on the earlier half")),
        *(
            Column("its net", "ticks per request, later half"),
            Column("the desk's net", "ticks per request, later half"),
        ),
        *(Column("the desk above it", _PER_REQUEST), Column("95 % interval", _PER_REQUEST)),
        *(Column("late hits"), Column("hits left out", "unknown mid")),
    )
    page.table(head, rows, every="all clients")
    many = [fixed for fixed in found.fixed if fixed.requests >= _FEWEST_REQUESTS]
    page.charts(*(_fixed_curve(fixed) for fixed in many[:_MOST_LINES]), narrow=True)


def _choice(fixed: FixedLifetimes) -> list[str]:
    chosen = fixed.chosen
    if chosen is None:
        return [fixed.client, "too little is known", "–", "–", "–", "–", str(fixed.late), str(fixed.unknown)]
    return [
        *(fixed.client, f"{chosen.lifetime_ms:g}", number(chosen.net), number(chosen.own_net)),
        *(f"{chosen.difference:+.4f}", ends(chosen.low, chosen.high), str(fixed.late), str(fixed.unknown)),
    ]


def _fixed_curve(fixed: FixedLifetimes) -> Chart | None:
    if not fixed.lifetimes or fixed.own_net is None:
        return None
    parts = {
        f"at least {FEWEST_SEEN:.0%} seen": [each for each in fixed.lifetimes if each.seen >= FEWEST_SEEN],
        "less seen: some hits are missing": [each for each in fixed.lifetimes if each.seen < FEWEST_SEEN],
    }
    series = [
        Series(
            name,
            *([each.lifetime_ms for each in found], [each.net for each in found]),
            *([each.low for each in found], [each.high for each in found]),
            hover=[f"seen: {each.seen:.0%} of the quotes" for each in found],
        )
        for name, found in parts.items()
        if found
    ]
    x = [fixed.lifetimes[0].lifetime_ms, fixed.lifetimes[-1].lifetime_ms]
    series.append(Series("the desk's own quotes", x, [fixed.own_net] * 2, markers=False, style=6))
    axis = Axis("fixed lifetime, ms", log=True)
    return lines(f"{fixed.client}: net by fixed lifetime", axis, _NET_AXIS, series)
