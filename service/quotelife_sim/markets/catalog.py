"""Creates a market by its name."""

from quotelife_sim.markets.companion import COMPANION
from quotelife_sim.markets.market import Market
from quotelife_sim.markets.sample import SYMBOL, SYMBOLS, SampleMarket
from quotelife_sim.markets.shock import ShockMarket
from quotelife_sim.markets.synthetic import SyntheticMarket, synthetic_symbols
from quotelife_sim.options import SHOCK
from quotelife_sim.plan import Plan, scales


def make_market(plan: Plan) -> Market:
    """The plan's market; SampleNotInstalled where the sample is not installed."""
    if plan.market == "sample":
        return SampleMarket(plan.duration_s, len(symbols_of(plan)))
    if plan.market == SHOCK:
        return ShockMarket(plan.seed, plan.news)
    return SyntheticMarket(plan.instruments, plan.seed)


def market_before(plan: Plan, seconds: float) -> Market:
    """The `seconds` before the plan's market: of the sample those before its start, of a generated market others of the
    same kind. A scenario has nothing before it. SampleNotInstalled as in `make_market`."""
    assert plan.market != SHOCK
    if plan.market == "sample":
        return SampleMarket(plan.duration_s).before(seconds)
    return SyntheticMarket(plan.instruments, f"{plan.seed}/before")


def symbols_of(plan: Plan) -> tuple[str, ...]:
    """The symbols of the market, without creating it.

    The sample has its generated instrument only where the configuration has it: it is no part of the recording.
    """
    if plan.market == "sample":
        return SYMBOLS[: 1 + (COMPANION in scales(plan.configuration()))]
    if plan.market == SHOCK:
        return ShockMarket.symbols
    return synthetic_symbols(plan.instruments)


def requested_symbols(plan: Plan) -> tuple[str, ...]:
    """Those that the simulated clients ask for: all, but of the sample the recorded one alone."""
    return (SYMBOL,) if plan.market == "sample" else symbols_of(plan)
