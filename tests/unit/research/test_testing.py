"""The tests of a fit use the probabilities that the service uses, and show its lifetimes."""

import numpy as np
import pytest

from quotelife_models import decide as D
from quotelife_models import schema as S
from quotelife_models.covariates import N_COVARIATES, THROUGH, fill_barrier, fill_base
from quotelife_models.enums import MODELS
from quotelife_models.parameters import Parameters
from quotelife_models.policy import N_POLICY
from quotelife_research.calibration.lifetimes import lifetimes_by_volatility
from quotelife_research.calibration.testing import SavedHazard
from quotelife_research.data.replay import N_BARRIERS, PICK_OFF, Grid
from tests.property.test_hazard import sane_row

SHIPPED = Parameters.load()


@pytest.mark.parametrize("symbol", ["EURUSD", "AIG"])  # with trees and without
@pytest.mark.parametrize("spread", [1.0, 2.0, 7.0, 60.0])
def test_tested_probabilities_are_those_of_the_kernels(symbol: str, spread: float) -> None:
    row = SHIPPED.for_symbol(symbol)
    x, z, out = sane_row(2), np.zeros(N_COVARIATES), np.zeros(D.OUT_WORDS)
    x[S.SPREAD] = spread
    fill_base(x, 1.0, z)
    fill_barrier(1.0, THROUGH, z)
    ctx, bounds = np.ones(S.N_CONTEXT), np.full(D.N_BOUNDS, np.inf)
    D.decide(SHIPPED.table, row, MODELS.index("liquidity_provider"), np.zeros(N_POLICY), x, ctx, bounds, out)
    expected = 1.0 - out[D.AT_ONE_TICK : D.AT_ONE_TICK + S.N_BINS]
    np.testing.assert_allclose(SavedHazard.of(SHIPPED, row).p_at_ends(z[None])[0], expected, rtol=1e-9, atol=1e-12)


def test_risk_averse_is_shorter_in_every_higher_fifth_of_the_volatility() -> None:
    x = np.array([sane_row(1)] * 500)  # one market that differs in the volatility only
    x[:, S.REALISED_VOLATILITY_10S] = np.random.default_rng(0).permutation(np.linspace(0.0, 20.0, 500))
    barriers = np.ones((500, N_BARRIERS))
    barriers[:, PICK_OFF] = x[:, S.SPREAD]
    grid = Grid(np.arange(500), x, barriers, np.zeros((500, 2, N_BARRIERS), np.uint8), np.ones(500, bool))
    fifths = lifetimes_by_volatility(SHIPPED.table[SHIPPED.for_symbol("AIG")], [grid])
    assert [round(fifth["volatility"]) for fifth in fifths] == [2, 6, 10, 14, 18]
    lifetimes = [fifth["risk_averse"] for fifth in fifths]
    assert lifetimes == sorted(lifetimes, reverse=True) and lifetimes[0] > lifetimes[-1] > 0
    assert all(fifth["client_priority"] > 0 for fifth in fifths)
