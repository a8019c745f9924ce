"""Calibration on real market data, if it is available: speed, and quality of the shipped fit."""

import time

import numpy as np
import pytest

from quotelife_models import hazard as H
from quotelife_models.parameters import Parameters
from quotelife_research.calibration.dataset import at_barrier
from quotelife_research.calibration.evaluation import evaluate
from quotelife_research.calibration.training import Scaling, p_at_ends
from quotelife_research.data import files
from quotelife_research.data import sources as Q
from quotelife_research.data.replay import ONE_TICK, PICK_OFF, TOUCH, replay
from tests.paths import ROOT

DATA = ROOT.parent / "shared" / "data"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the market data in ../shared/data is absent"),
]


def test_one_day_of_aig_is_replayed_in_seconds_and_predicted() -> None:
    source = files.symbols_in(DATA)["AIG"]
    (session,) = Q.sessions(source, [Q.Span.parse("2013-10-09")])
    assert source.correlated is not None and source.correlated.symbol == "SPY"
    assert (session.tick, session.correlated_tick) == (0.01, 0.01)
    started = time.perf_counter()
    grid = replay(session, 100.0)
    assert time.perf_counter() - started < 10.0  # 1.3 s on a quiet core
    parameters = Parameters.load()
    row = parameters.table[parameters.for_symbol("AIG")]
    scaling = Scaling(row[H.CENTRE : H.SCALE], 1.0 / row[H.SCALE : H.ERROR])
    for barrier in (ONE_TICK, PICK_OFF, TOUCH):
        z, bins = at_barrier(grid, barrier)
        p = p_at_ends(row[: H.CENTRE], scaling.apply(z))[:, H.REFERENCE_BIN]
        found = evaluate(p, bins <= H.REFERENCE_BIN)
        assert found["auc"] > 0.757  # the floor of ../shared/data/README.md
        assert found["log_loss"] < 0.9 * found["log_loss_base"]
        assert 0.8 < found["calibration_slope"] < 1.25


def test_symbols_and_ticks_are_found() -> None:
    found = files.symbols_in(DATA)
    assert {s: source.correlated.symbol for s, source in found.items() if source.correlated} == {
        "AIG": "SPY",
        "BAC": "SPY",
        "IBM": "SPY",
        "EURUSD": "NZDUSD",
        "NZDUSD": "EURUSD",
    }
    (session,) = Q.sessions(found["EURUSD"], [Q.Span.parse("2014-05-02")])
    assert (session.tick, session.correlated_tick) == pytest.approx((1e-5, 1e-5))
    assert (np.diff(session.events[:, 0]) >= 0).all()
