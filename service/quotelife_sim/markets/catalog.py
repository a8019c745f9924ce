"""Creates a market by its name."""

from quotelife_sim.markets.companion import COMPANIONS, MarketWithCompanions
from quotelife_sim.markets.market import Market
from quotelife_sim.markets.sample import SYMBOL, SampleMarket
from quotelife_sim.markets.shock import ShockMarket
from quotelife_sim.markets.synthetic import SyntheticMarket, synthetic_symbols
from quotelife_sim.options import SHOCK
from quotelife_sim.plan import Plan, scales


def make_market(plan: Plan) -> Market:
    """The plan's market; SampleNotInstalled where the sample is not installed."""
    if plan.market == "sample":
        return _with_companions(plan, SampleMarket(plan.duration_s))
    if plan.market == SHOCK:
        return ShockMarket(plan.seed, plan.news)
    return SyntheticMarket(plan.instruments, plan.seed)


def market_before(plan: Plan, seconds: float) -> Market:
    """The `seconds` before the plan's market: of the sample those before its start, of what is generated others of the
    same kind. A scenario has nothing before it. SampleNotInstalled as in `make_market`."""
    assert plan.market != SHOCK
    if plan.market == "sample":
        return _with_companions(plan, SampleMarket(plan.duration_s).before(seconds), "/before")
    return SyntheticMarket(plan.instruments, f"{plan.seed}/before")


def _with_companions(plan: Plan, recorded: Market, part: str = "") -> Market:
    companions = [COMPANIONS[symbol] for symbol in symbols_of(plan) if symbol in COMPANIONS]
    return MarketWithCompanions(recorded, companions, part) if companions else recorded


def symbols_of(plan: Plan) -> tuple[str, ...]:
    """The symbols of the market, without creating it.

    The sample has the generated instruments beside it that the configuration has: they are no part of the recording.
    """
    if plan.market == "sample":
        configured = scales(plan.configuration())
        return (SYMBOL, *(symbol for symbol in COMPANIONS if symbol in configured))
    if plan.market == SHOCK:
        return ShockMarket.symbols
    return synthetic_symbols(plan.instruments)


def is_recorded(plan: Plan, symbol: str) -> bool:
    """Whether an instrument of the market was recorded; the others are generated."""
    return plan.market == "sample" and symbol == SYMBOL
