"""The explanation on a terminal."""

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from quotelife.explain.document import Became, Explanation, Given, HitTold, LegGiven, Predictor, SideExplained, Value
from quotelife.ledger.history import EXPIRED, FILLED, OPEN, PASSED, WITHDRAWN

_STATES = {FILLED: "green", EXPIRED: "dim", WITHDRAWN: "yellow", PASSED: "yellow", OPEN: "cyan"}
_BAR = 24  # characters of the longest bar
_SMALL = 5e-4  # what is below is shown as nothing


def show(console: Console, explanation: Explanation) -> None:
    """Print one explanation."""
    console.print(Group(*_parts(explanation)))


def _parts(e: Explanation) -> list[RenderableType]:
    parts: list[RenderableType] = [_title(e.quote), _summary(e)]
    decisive = next((side for side in e.sides if side.decides), None)
    if decisive is None:
        return [*parts, Text("Features and decision are not kept for this quote any more.", style="yellow")]
    if len(e.sides) > 1:
        parts.append(_weaker(e.sides, decisive))
    side_by_side = Table.grid(padding=(0, 3))
    side_by_side.add_row(_curve(decisive), _context(decisive.context))
    if e.legs:
        table: list[RenderableType] = [_legs(e.legs, decisive), _leg_features(e.legs, decisive)]
    else:
        table = [_features(e.features, decisive)]
    return [*parts, Text(), *table, _note(e), side_by_side]


def _title(quote: Given) -> Text:
    who = quote.client or "unknown client"
    if quote.session:
        who += f" ({quote.session})"
    text = Text(f"\n{quote.quote_id}", style="bold")
    text.append(f"  {who}: {quote.wants} {quote.quantity} {quote.symbol or 'of several symbols'}", style="default")
    if quote.legs > 1:
        text.append(f", {quote.legs} legs")
    return text


def _summary(e: Explanation) -> Table:
    quote = e.quote
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column()
    prices = [f"{name} {price}" for name, price in (("bid", quote.bid), ("offer", quote.offer)) if price]
    table.add_row("price", ", ".join(prices))
    table.add_row("received", f"{quote.received} UTC" + ("" if e.decided_us is None else f", {_took(e.decided_us)}"))
    table.add_row("valid until", f"{quote.valid_until} UTC, {quote.lifetime_ms:.1f} ms")
    model = quote.model or "none"
    table.add_row("model", model + (f", market {e.market_state}" if e.market_state else ""))
    table.add_row("because", f"{quote.reason}: {quote.reason_in_words}")
    for side in e.sides:
        if side.decides:
            table.add_row("", _own(side))
            table.add_row("risk", _risk(side))
    table.add_row("became", _became(e.became))
    for hit in e.became.hits:
        table.add_row("hit", _hit(hit))
    return table


def _took(decided_us: float) -> str:
    return f"decided in {decided_us:.0f} µs"


def _own(side: SideExplained) -> str:
    own = f"the model's own lifetime: {side.model_lifetime_ms:.1f} ms ({side.model_reason})"
    return own + ("" if side.reason != side.model_reason else ", which no bound cut")


def _risk(side: SideExplained) -> str:
    parts = [
        f"p(one tick in 500 ms) {side.one_tick_probability:.2%}",
        f"p(pick-off in its lifetime) {side.pick_off_probability:.2%}",
        f"expected loss {side.expected_loss_ticks:.3f} ticks",
    ]
    if side.upper_bound is not None:
        parts.append(f"upper bound {side.upper_bound:.2%}")
    if side.expected_value_ticks is not None:
        parts.append(f"expected value {side.expected_value_ticks:.3f} ticks")
    return ", ".join(parts)


def _became(became: Became) -> Text:
    text = Text(became.state, style=_STATES.get(became.state, "default"))
    if became.because:
        text.append(f", {became.because}", style="default")
    if became.at:
        text.append(f" at {became.at} UTC", style="default")
    return text


def _hit(hit: HitTold) -> str:
    text = f"{hit.outcome} after {hit.response_ms:.1f} ms, {hit.quantity} at {hit.price} ({hit.response_id})"
    known = [f"{name} {ticks:+.1f}" for name, ticks in hit.markouts_ticks.items() if ticks is not None]
    if known:
        text += f"; markouts {', '.join(known)} ticks, against an edge of {hit.edge_ticks:.1f}"
    return text


def _weaker(of: list[SideExplained], decisive: SideExplained) -> Text:
    told = ", ".join(f"{side.side} {side.lifetime_ms:.1f} ms" for side in of)
    return Text(f"\nA two-way quote lives as long as its weaker side: {told}. Below, the {decisive.side}.")


def _features(features: list[Value], side: SideExplained) -> Table:
    """Features with what they add to the log-odds; several that are made into one stand together."""
    values = {value.name: value for value in (*features, *side.context)}
    one_tick, pick_off = side.one_tick, side.pick_off
    assert one_tick is not None
    table = _table("What the market's features add to the log-odds of an adverse move")
    table.add_column("feature")
    table.add_column("value", justify="right")
    table.add_column("unit", style="dim")
    table.add_column("one tick", justify="right")
    table.add_column("" if pick_off is None else f"{pick_off.barrier_ticks:g} ticks (pick-off)", justify="right")
    for n, group in enumerate(one_tick.by_feature):
        other = None if pick_off is None else pick_off.by_feature[n].log_odds
        for name in group.features:
            if not group.covariates:
                added = ("[dim]not used[/]", "")
            elif name != group.features[-1]:
                added = ("[dim]with the next[/]", "")
            else:
                added = (_signed(group.log_odds), _signed(other))
            table.add_row(name, *_told(values.get(name)), *added)
    table.add_section()
    for name, of in (("news, set by the desk", "news"), ("constant", "constant")):
        table.add_row(name, "", "", *(_signed(_of(p, of)) for p in (one_tick, pick_off)))
    end_ms = one_tick.bin_end_ms
    totals = [_signed(_of(p, "log_odds")) for p in (one_tick, pick_off)]
    table.add_row(f"log-odds, bin that ends at {end_ms} ms", "", "", *totals, style="bold")
    hazards = ["" if p is None else f"{p.hazard:.3%}" for p in (one_tick, pick_off)]
    table.add_row("probability there, if not before", "", "", *hazards)
    return table


def _legs(legs: list[LegGiven], side: SideExplained) -> Table:
    """What the multileg is made of, and the chance that a leg alone moves the net against the quote."""
    table = _table("The legs, and the chance that one alone moves the net price")
    table.add_column("leg")
    for name in ("ratio", "net ticks a tick", "bid", "offer", "one tick in 500 ms", "pick-off in its lifetime"):
        table.add_column(name, justify="right")
    for leg, alone in zip(legs, side.legs, strict=True):
        chances = f"{alone.one_tick_probability:.2%}", f"{alone.pick_off_probability:.2%}"
        ratio = f"{leg.ratio if leg.gets else -leg.ratio:+d}"
        table.add_row(leg.symbol, ratio, str(leg.weight), leg.bid or "", leg.offer or "", *chances)
    table.add_section()
    together = f"{side.one_tick_probability:.2%}", f"{side.pick_off_probability:.2%}"
    table.add_row("all together", "", "", "", "", *together, style="bold")
    return table


def _leg_features(legs: list[LegGiven], side: SideExplained) -> Table:
    """What each leg's features add to the log-odds of its moving the net to the pick-off alone, legs side by side."""
    predictors = [leg.pick_off or leg.one_tick for leg in side.legs]
    moved = "to the pick-off" if side.legs[0].pick_off is not None else "by one tick"
    table = _table(f"Log-odds of one leg alone moving the net {moved}")
    table.add_column("feature")
    for leg in legs:
        table.add_column(leg.symbol, justify="right", overflow="fold")
    table.add_row("ticks of its own", *(f"{p.barrier_ticks:g}" for p in predictors))
    table.add_section()
    for n, group in enumerate(predictors[0].by_feature):
        if group.covariates:
            table.add_row(" + ".join(group.features), *(_signed(p.by_feature[n].log_odds) for p in predictors))
    table.add_section()
    table.add_row("news, set by the desk", *(_signed(p.news) for p in predictors))
    table.add_row("constant", *(_signed(p.constant) for p in predictors))
    name = f"log-odds, bin that ends at {predictors[0].bin_end_ms} ms"
    table.add_row(name, *(_signed(p.log_odds) for p in predictors), style="bold")
    table.add_row("probability there, if not before", *(f"{p.hazard:.3%}" for p in predictors))
    return table


def _told(value: Value | None) -> tuple[str, str]:
    return ("", "") if value is None else (_number(value.value), value.unit)


def _of(predictor: Predictor | None, name: str) -> float | None:
    return None if predictor is None else getattr(predictor, name)


def _note(e: Explanation) -> Text:
    """Whether the recorded decision comes out again."""
    p = e.parameters
    assert p is not None
    if not p.same:
        return Text(
            f"Decided with parameters {p.recorded}, which are no longer kept; the table above is made of "
            f"{p.explained_with} ({p.used}).\nThe decision and the curve are the recorded ones.\n",
            style="yellow",
        )
    if not p.reproduced:
        differ = ", ".join(p.differs)
        text = f"Decided again it comes out otherwise ({differ}): what [models] sets has changed since.\n"
        return Text(text, style="yellow")
    now = "" if p.in_force == p.recorded else f"; in force now are {p.in_force}"
    return Text(
        f"Decided again from the recorded features, it comes out the same. Parameters {p.recorded} ({p.used}){now}.\n"
    )


def _curve(side: SideExplained) -> Table:
    table = _table("Adverse move by")
    table.add_column("ms", justify="right")
    table.add_column("one tick", justify="right")
    table.add_column("pick-off", justify="right")
    table.add_column("", width=_BAR)
    marked = False
    scale = _BAR / max(*(max(point.pick_off, point.one_tick) for point in side.curve), 1e-9)
    for point in side.curve:
        if not marked and side.lifetime_ms <= point.ms:
            marked = True
            table.add_row(f"{side.lifetime_ms:.1f}", "", f"{side.pick_off_probability:.2%}", "< lifetime", style="bold")
        bar = Text("█" * round(point.pick_off * scale), style="red")
        bar.append("░" * (round(point.one_tick * scale) - len(bar)), style="dim")
        table.add_row(str(point.ms), f"{point.one_tick:.2%}", f"{point.pick_off:.2%}", bar)
    return table


def _context(context: list[Value]) -> Table:
    table = _table("Request")
    table.add_column("context")
    table.add_column("value", justify="right")
    table.add_column("unit", style="dim")
    for value in context:
        table.add_row(value.name, _number(value.value), value.unit)
    return table


def _table(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", title=title, title_justify="left", title_style="bold"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"


def _signed(value: float | None) -> str:
    if value is None:
        return ""
    return "·" if abs(value) < _SMALL else f"{value:+.3f}"
