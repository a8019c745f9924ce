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
from quotelife_sim.venue.tape import History

_SHOWN = (
    "spread",
    "spread_volatility",
    "top_update_count",
    "realised_volatility_1s",
    "imbalance_1",
    "ask_add_rate",
    "bid_cancel_rate",
    "trade_flow_imbalance",
    "correlated_velocity",
    "volatility_index",
    "volatility_index_change",
    "news_sentiment",
    "news_age",
)


def print_shock(console: Console, deals: Sequence[Deal], histories: Mapping[str, History], fixed_ms: float) -> None:
    """Print the comparison; one line if the request after the news was not quoted."""
    shocked = [deal for deal in deals if deal.intention.style == SNIPER and deal.quoted]
    calm = [deal for deal in deals if deal.intention.style != SNIPER and deal.quoted]
    if not shocked:
        console.print("The request after the news got no quote.")
        return
    deal = shocked[-1]
    assert deal.price is not None
    history = histories[deal.intention.symbol]
    fixed = judge(deal.intention, deal.price, deal.answered_ns, deal.answered_ns + round(fixed_ms * NS_PER_MS), history)
    intention = deal.intention
    console.print(
        f"\nOne second after the news a client wants to {'buy' if intention.buys else 'sell'} "
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
    console.print(_features(calm[-1] if calm else None, deal))


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
    """Features from the journal: at the last calm request, and at the request after the news."""
    table = Table(title="Features and decision", title_justify="left", header_style="bold")
    table.add_column("")
    table.add_column("calm", justify="right")
    table.add_column("after the news", justify="right")
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
