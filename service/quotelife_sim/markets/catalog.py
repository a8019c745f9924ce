"""Creates a market by its name."""

from quotelife_sim.markets.market import Market
from quotelife_sim.markets.sample import SampleMarket
from quotelife_sim.markets.shock import ShockMarket
from quotelife_sim.markets.synthetic import SyntheticMarket, synthetic_symbols
from quotelife_sim.options import SHOCK
from quotelife_sim.plan import Plan


def make_market(plan: Plan) -> Market:
    """The plan's market; SampleNotInstalled where the sample is not installed."""
    if plan.market == "sample":
        return SampleMarket(plan.duration_s)
    if plan.market == SHOCK:
        return ShockMarket(plan.seed)
    return SyntheticMarket(plan.instruments, plan.seed)


def symbols_of(plan: Plan) -> tuple[str, ...]:
    """The symbols of the market, without creating it."""
    if plan.market == "sample":
        return SampleMarket.symbols
    if plan.market == SHOCK:
        return ShockMarket.symbols
    return synthetic_symbols(plan.instruments)
