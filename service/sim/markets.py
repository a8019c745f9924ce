"""Markets by name."""

from service.sim.market import Market
from service.sim.options import SHOCK
from service.sim.plan import Plan
from service.sim.sample import SampleMarket
from service.sim.shock import ShockMarket
from service.sim.synthetic import SyntheticMarket, synthetic_symbols


def make_market(plan: Plan) -> Market:
    """The plan's market; SampleMissing where the sample is not installed."""
    if plan.market == "sample":
        return SampleMarket(plan.duration_s)
    if plan.market == SHOCK:
        return ShockMarket(plan.seed)
    return SyntheticMarket(plan.instruments, plan.seed)


def symbols_of(plan: Plan) -> tuple[str, ...]:
    """The market's symbols, without making it."""
    if plan.market == "sample":
        return SampleMarket.symbols
    if plan.market == SHOCK:
        return ShockMarket.symbols
    return synthetic_symbols(plan.instruments)
