"""Prints an explanation on a terminal."""

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from quotelife.explain.document import (
    ConfigurationUsed,
    Explanation,
    HitDetails,
    LegDetails,
    Predictor,
    QuoteDetails,
    QuoteOutcome,
    SideDetails,
    Value,
)
from quotelife.ledger.quote_state import EXPIRED, FILLED, OPEN, PASSED, WITHDRAWN

_STATES = {FILLED: "green", EXPIRED: "dim", WITHDRAWN: "yellow", PASSED: "yellow", OPEN: "cyan"}
_BAR = 24  # characters of the longest bar
_SMALL = 5e-4  # smaller values are shown as a dot


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Print one explanation."""
    console.print(Group(*_parts(explanation)))


def _parts(e: Explanation) -> list[RenderableType]:
    parts: list[RenderableType] = [_title(e.quote), _summary(e)]
    decisive = next((side for side in e.sides if side.decides), None)
    if decisive is None:
        return [*parts, Text("Features and decision of this quote have been deleted.", style="yellow")]
    if len(e.sides) > 1:
        parts.append(_decisive_side(e.sides, decisive))
    side_by_side = Table.grid(padding=(0, 3))
    side_by_side.add_row(_curve(decisive), _context(decisive.context))
    if e.legs:
        table: list[RenderableType] = [_legs(e.legs, decisive), _leg_features(e.legs, decisive)]
    else:
        table = [_features(e.features, decisive)]
    return [*parts, Text(), *table, _note(e), side_by_side]


def _title(quote: QuoteDetails) -> Text:
    who = quote.client or "unknown client"
    if quote.session:
        who += f" ({quote.session})"
    text = Text(f"\n{quote.quote_id}", style="bold")
    text.append(f"  {who}: {quote.wants} {quote.quantity} {quote.symbol or 'multileg'}", style="default")
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
    duration = "" if e.decided_us is None else f", decided in {e.decided_us:.0f} µs"
    table.add_row("received", f"{quote.received} UTC{duration}")
    until = f"{quote.valid_until} UTC, {quote.lifetime_ms:.1f} ms" if quote.valid_until else "indicative, not to be hit"
    table.add_row("valid until", until)
    if quote.stated:
        shown = (f"{name} {value}".replace("\x01", " ").strip() for name, value in quote.stated.items())
        table.add_row("stated", ", ".join(shown))
    model = quote.model or "none"
    table.add_row("model", model + (f", market {e.market_state}" if e.market_state else ""))
    if e.configuration is not None and e.configuration.rule:
        table.add_row("selected by", e.configuration.rule)
    table.add_row("reason", f"{quote.reason}: {quote.reason_in_words}")
    for side in e.sides:
        if side.decides:
            table.add_row("", _model_lifetime(side))
            table.add_row("risk", _risk(side))
    if e.configuration is not None:
        table.add_row("configuration", _configuration(e.configuration))
    table.add_row("outcome", _outcome(e.became))
    for hit in e.became.hits:
        table.add_row("hit", _hit(hit))
    for each in e.became.not_accepted:
        what = "the " + each.kind.replace("_", " ") + (f" {each.exec_id}" if each.exec_id else "")
        text = f"its client did not accept {what}, at {each.at} UTC: {each.reason}"
        table.add_row("not accepted", Text(text, style="red"))
    return table


def _model_lifetime(side: SideDetails) -> str:
    own = f"lifetime of the model: {side.model_lifetime_ms:.1f} ms ({side.model_reason})"
    return own + ("" if side.reason != side.model_reason else ", not limited by a bound")


def _risk(side: SideDetails) -> str:
    parts = [
        f"p(one tick in 500 ms) {side.one_tick_probability:.2%}",
        f"p(pick-off within the lifetime) {side.pick_off_probability:.2%}",
        f"expected loss {side.expected_loss_ticks:.3f} ticks",
    ]
    if side.upper_bound is not None:
        parts.append(f"upper bound {side.upper_bound:.2%}")
    if side.expected_value_ticks is not None:
        parts.append(f"expected value {side.expected_value_ticks:.3f} ticks")
    return ", ".join(parts)


def _configuration(used: ConfigurationUsed) -> str:
    if not used.same:
        return f"{used.hash}, which is no longer available; explained with the present file"
    state = "still in force" if used.in_force else "replaced since"
    return f"{used.number} ({used.hash}), from {used.since} UTC, {state}"


def _outcome(became: QuoteOutcome) -> Text:
    text = Text(became.state, style=_STATES.get(became.state, "default"))
    if became.because:
        text.append(f", {became.because}: {became.because_in_words}", style="default")
    if became.at:
        text.append(f", at {became.at} UTC", style="default")
    return text


def _hit(hit: HitDetails) -> str:
    text = f"{hit.outcome} after {hit.response_ms:.1f} ms, {hit.quantity} at {hit.price} ({hit.response_id})"
    known = [f"{name} {ticks:+.1f}" for name, ticks in hit.markouts_ticks.items() if ticks is not None]
    if known:
        text += f"; markouts {', '.join(known)} ticks, edge {hit.edge_ticks:.1f}"
    return text


def _decisive_side(of: list[SideDetails], decisive: SideDetails) -> Text:
    lifetimes = ", ".join(f"{side.side} {side.lifetime_ms:.1f} ms" for side in of)
    return Text(f"\nA two-way quote has the shorter lifetime of its sides: {lifetimes}. Below: the {decisive.side}.")


def _features(features: list[Value], side: SideDetails) -> Table:
    """Features with their contributions to the log-odds; those that share a covariate are grouped."""
    values = {value.name: value for value in (*features, *side.context)}
    one_tick, pick_off = side.one_tick, side.pick_off
    assert one_tick is not None
    table = _table("Contributions of market features to the log-odds of an adverse move")
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
                added = ("[dim]see next[/]", "")
            else:
                added = (_signed(group.log_odds), _signed(other))
            table.add_row(name, *_value_and_unit(values.get(name)), *added)
    table.add_section()
    for name, of in (("news (policy of the desk)", "news"), ("constant", "constant")):
        table.add_row(name, "", "", *(_signed(_field(p, of)) for p in (one_tick, pick_off)))
    end_ms = one_tick.bin_end_ms
    totals = [_signed(_field(p, "log_odds")) for p in (one_tick, pick_off)]
    table.add_row(f"log-odds, bin ending at {end_ms} ms", "", "", *totals, style="bold")
    hazards = ["" if p is None else f"{p.hazard:.3%}" for p in (one_tick, pick_off)]
    table.add_row("probability in the bin, if not before", "", "", *hazards)
    return table


def _legs(legs: list[LegDetails], side: SideDetails) -> Table:
    """The legs of the multileg, and the probability that one alone moves the net price against the quote."""
    table = _table("Legs, and the probability that one alone moves the net price")
    table.add_column("leg")
    for name in ("ratio", "net ticks per tick", "bid", "offer", "one tick in 500 ms", "pick-off in lifetime"):
        table.add_column(name, justify="right")
    for leg, alone in zip(legs, side.legs, strict=True):
        probabilities = f"{alone.one_tick_probability:.2%}", f"{alone.pick_off_probability:.2%}"
        ratio = f"{leg.ratio if leg.gets else -leg.ratio:+d}"
        table.add_row(leg.symbol, ratio, str(leg.weight), leg.bid or "", leg.offer or "", *probabilities)
    table.add_section()
    together = f"{side.one_tick_probability:.2%}", f"{side.pick_off_probability:.2%}"
    table.add_row("all legs", "", "", "", "", *together, style="bold")
    return table


def _leg_features(legs: list[LegDetails], side: SideDetails) -> Table:
    """Contributions of each leg's features to the log-odds that it alone moves the net price, legs side by side."""
    predictors = [leg.pick_off or leg.one_tick for leg in side.legs]
    moved = "to the pick-off" if side.legs[0].pick_off is not None else "by one tick"
    table = _table(f"Log-odds that one leg alone moves the net price {moved}")
    table.add_column("feature")
    for leg in legs:
        table.add_column(leg.symbol, justify="right", overflow="fold")
    table.add_row("ticks of the leg", *(f"{p.barrier_ticks:g}" for p in predictors))
    table.add_section()
    for n, group in enumerate(predictors[0].by_feature):
        if group.covariates:
            table.add_row(" + ".join(group.features), *(_signed(p.by_feature[n].log_odds) for p in predictors))
    table.add_section()
    table.add_row("news (policy of the desk)", *(_signed(p.news) for p in predictors))
    table.add_row("constant", *(_signed(p.constant) for p in predictors))
    name = f"log-odds, bin ending at {predictors[0].bin_end_ms} ms"
    table.add_row(name, *(_signed(p.log_odds) for p in predictors), style="bold")
    table.add_row("probability in the bin, if not before", *(f"{p.hazard:.3%}" for p in predictors))
    return table


def _value_and_unit(value: Value | None) -> tuple[str, str]:
    return ("", "") if value is None else (_number(value.value), value.unit)


def _field(predictor: Predictor | None, name: str) -> float | None:
    return None if predictor is None else getattr(predictor, name)


def _note(e: Explanation) -> Text:
    """Whether the recorded decision was reproduced."""
    p = e.parameters
    assert p is not None
    if not p.same:
        return Text(
            f"Decided with parameters {p.recorded}, which are no longer available; the table above uses "
            f"{p.explained_with} ({p.used}).\nThe decision and the curve are the recorded ones.\n",
            style="yellow",
        )
    if not p.reproduced:
        differ = ", ".join(p.differs)
        text = f"The decision is not reproduced ({differ}): [models] has changed since.\n"
        return Text(text, style="yellow")
    now = "" if p.in_force == p.recorded else f"; in force now: {p.in_force}"
    return Text(f"The decision is reproduced from the recorded features. Parameters {p.recorded} ({p.used}){now}.\n")


def _curve(side: SideDetails) -> Table:
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
