"""Prints the stress case: the dynamic and the fixed quote side by side, with the features behind the lifetime."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models.schema import FEATURES, INDEX
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.requests import SNIPER
from quotelife_sim.outcome import Outcome, judge, markout
from quotelife_sim.report.shock_layers import CURVE, FIXED, FOLLOWED_NS, NEWS, SHOCK, Layer
from quotelife_sim.venue.history import History

_SHOWN = (
    "spread",
    "spread_volatility",
    "top_update_count",
    "realised_volatility_1s",
    "imbalance_1",
    "ask_add_rate",
    "bid_cancel_rate",
    "trade_flow_imbalance",
    "bid_size_ratio",
    "ask_size_ratio",
    "buy_intensity",
    "sell_intensity",
    "bid_price_age",
    "ask_price_age",
    "realised_volatility_300s",
    "correlated_velocity",
    "correlated_return_5s",
    "volatility_index",
    "volatility_index_change",
    "news_sentiment",
    "news_age",
)


_LAYERS = {
    FIXED: "fixed lifetime",
    CURVE: "curve alone",
    SHOCK: "and the shock",
    NEWS: "and the news",
}


def shocked_deal(deals: Sequence[Deal]) -> Deal | None:
    """The quote in the shock; None if there was none."""
    return next((deal for deal in reversed(deals) if deal.intention.style == SNIPER and deal.quoted), None)


def print_shock(
    console: Console,
    deals: Sequence[Deal],
    histories: Mapping[str, History],
    fixed_ms: float,
    layers: Sequence[Layer] = (),
) -> None:
    """Print the comparison; one line if the request in the shock was not quoted."""
    calm = [deal for deal in deals if deal.intention.style != SNIPER and deal.quoted]
    deal = shocked_deal(deals)
    if deal is None:
        console.print("The request in the shock got no quote.")
        return
    assert deal.price is not None
    history = histories[deal.intention.symbol]
    fixed = judge(deal.intention, deal.price, deal.answered_ns, deal.answered_ns + round(fixed_ms * NS_PER_MS), history)
    intention = deal.intention
    console.print(
        f"\nOne second after the start of the shock a client wants to {'buy' if intention.buys else 'sell'} "
        f"{intention.quantity} {intention.symbol}; it is quoted {deal.price:g} ticks and hits as soon as the market is "
        "through that price.\n",
        highlight=False,
    )
    table = Table(header_style="bold")
    for name in ("", "quotelife", f"fixed {fixed_ms / 1000:g} s"):
        table.add_column(name)
    actual = Outcome(deal.outcome, deal.hit_ns)
    table.add_row("lifetime", f"{deal.lifetime_ns / NS_PER_MS:.0f} ms", f"{fixed_ms:.0f} ms")
    table.add_row("model, reason", f"{deal.model}, {deal.reason}", "none")
    table.add_row("outcome", _outcome_text(deal, actual), _outcome_text(deal, fixed))
    table.add_row(
        "our gain per contract, 1 s later", _gain_text(deal, actual, history), _gain_text(deal, fixed, history)
    )
    console.print(table)
    if layers:
        _print_layers(console, deal, history, layers)
    console.print(_features(calm[-1] if calm else None, deal))


def _print_layers(console: Console, deal: Deal, history: History, layers: Sequence[Layer]) -> None:
    """What each layer of the service does for the quote, and when the market comes through its price."""
    assert deal.price is not None
    table = Table(title="The same quote, layer by layer", title_justify="left", header_style="bold")
    for name in ("layer", "market", "model, reason", "p(tick)", "never withdrawn", "with withdrawal", "due"):
        table.add_column(name)
    for layer in layers:
        p, below_ns = layer.one_tick_probability, layer.withdrawn_ns
        table.add_row(
            _LAYERS[layer.name],
            layer.market,
            f"{layer.model}, {layer.reason}" if layer.model else "",
            "" if p is None else f"{100 * p:.1f} %",
            f"{layer.alone_lifetime_ns / NS_PER_MS:.0f} ms: {_end_text(deal, layer.alone)}",
            f"{layer.lifetime_ns / NS_PER_MS:.0f} ms: {_end_text(deal, layer.outcome)}",
            "never" if below_ns is None else f"{(below_ns - deal.answered_ns) / NS_PER_S:.2f} s",
        )
    console.print(table)
    through_ns = history.through(deal.intention.buys, deal.price, deal.answered_ns, deal.answered_ns + FOLLOWED_NS)
    when = (
        "never comes through the price"
        if through_ns is None
        else f"comes through the price {(through_ns - deal.answered_ns) / NS_PER_S:.2f} s after the quote"
    )
    console.print(
        f"The market {when}. Each layer repeats the decision without the inputs of the layers below it: the curve as "
        "in a calm market, the shock from the features alone, the news. The market after it is the scripted one. Never "
        "withdrawn: the quote of a desk that does not withdraw. Due: when the margin falls below zero, for the fixed "
        "lifetime when the market comes through the price, as time after the quote.",
        style="dim",
        highlight=False,
    )
    news = "" if any(layer.name == NEWS for layer in layers) else " The venue sent no news."
    quiet = next(layer for layer in layers if layer.name == SHOCK)
    console.print(f"{_without_news(quiet)}{news}", highlight=False)


def _without_news(quiet: Layer) -> str:
    """Whether features and withdrawal are enough."""
    if quiet.outcome.kind == D.PICKED_OFF:
        return "Without any news input the quote is PICKED OFF, in spite of features and withdrawal."
    how = "by its lifetime alone" if quiet.alone.kind != D.PICKED_OFF else "by its withdrawal only"
    return f"Without any news input the quote survives, {how}."


def _end_text(deal: Deal, outcome: Outcome) -> str:
    """How a layer's quote ended; the time of a withdrawal has its own column."""
    if outcome.kind in D.FILLS:
        return f"{outcome.kind} at {(outcome.hit_ns - deal.answered_ns) / NS_PER_S:.2f} s"
    return outcome.kind


def _outcome_text(deal: Deal, outcome: Outcome) -> str:
    if outcome.kind == D.WITHDRAWN:
        seconds = (deal.withdrawn_ns - deal.answered_ns) / NS_PER_S
        return f"withdrawn {seconds:.2f} s after the quote" if deal.withdrawn_ns else "withdrawn, its hit refused"
    if outcome.kind not in D.FILLS:
        return "expired, not hit"
    return f"{outcome.kind} {(outcome.hit_ns - deal.answered_ns) / NS_PER_S:.2f} s after the quote"


def _gain_text(deal: Deal, outcome: Outcome, history: History) -> str:
    assert deal.price is not None
    if outcome.kind not in D.FILLS:
        return "0 ticks"
    gain = markout(deal.intention.buys, deal.price, outcome.hit_ns, history)
    return "-" if gain is None else f"{gain:+.1f} ticks"


def _features(calm: Deal | None, shocked: Deal) -> Table:
    """Features from the journal: at the last calm request, and at the request in the shock."""
    table = Table(title="Features and decision", title_justify="left", header_style="bold")
    table.add_column("")
    table.add_column("calm", justify="right")
    table.add_column("in the shock", justify="right")
    both = [calm, shocked]
    for name in _SHOWN:
        unit = FEATURES[INDEX[name]].unit
        table.add_row(
            f"{name}, {unit}" if unit != "1" else name,
            *(_number(deal.features.get(name) if deal else None) for deal in both),
        )
    table.add_row("state of the market", *(deal.market if deal else "-" for deal in both))
    table.add_row(
        "p(one tick against it, 500 ms)", *(_number(deal.move_probability if deal else None) for deal in both)
    )
    table.add_row("model", *(deal.model if deal else "-" for deal in both))
    table.add_row("lifetime", *(_milliseconds(deal) if deal else "-" for deal in both))
    table.add_row("reason", *(deal.reason if deal else "-" for deal in both))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _milliseconds(deal: Deal) -> str:
    return f"{deal.lifetime_ns / NS_PER_MS:.0f} ms"
