"""What every expiry model must have; the docstring of `quotelife_models.expiry_models` lists it in this order."""

from importlib import import_module

import msgspec
import numpy as np
import pytest

from quotelife.config.expiry import Models
from quotelife.explain.explain import REASON_TEXTS
from quotelife_models import policy as P
from quotelife_models.decide import OUT_MODEL_REASON
from quotelife_models.enums import MODELS
from quotelife_models.reasons import REASONS
from quotelife_models.stopping import STAKE_LIMIT, STAKE_WORDS, fill_stake
from tests.unit.models.test_decide import decide, flat_table, market, request

# the reasons that each model gives a lifetime by its own formula
REASONS_OF = {
    "client_priority": {"fill_target", "loss_budget"},
    "risk_averse": {"risk_bound", "risk_bound_in_shock", "fill_target"},
    "liquidity_provider": {"value_peak", "no_value"},
}


@pytest.mark.parametrize("model", MODELS)
def test_an_expiry_model_has_a_file_of_its_name(model):
    assert import_module(f"quotelife_models.{model}").__doc__


@pytest.mark.parametrize("model", MODELS)
def test_an_expiry_model_has_settings_that_the_kernels_know(model):
    section = getattr(Models(), model)
    assert P.pack(msgspec.structs.asdict(section)).shape == (P.N_POLICY,)


@pytest.mark.parametrize("model", MODELS)
def test_an_expiry_model_withdraws_by_a_limit_of_its_own(model):
    settings, stake = msgspec.structs.asdict(getattr(Models(), model)), np.zeros(STAKE_WORDS)
    fill_stake(MODELS.index(model), P.pack(settings | {"withdrawal": 1.0}), market(), request(), stake)
    assert 0.0 < stake[STAKE_LIMIT] <= 1.0


def test_every_reason_has_a_text():
    assert set(REASON_TEXTS) == set(REASONS)


@pytest.mark.parametrize("model", MODELS)
def test_an_expiry_model_gives_its_own_reasons(model):
    given = set()
    for p in (1e-6, 0.01, 0.2, 0.9):
        for sentiment in (0.0, 1.0):
            for informed in (0.0, 0.2, 1.0):
                x, ctx = market(news_sentiment=sentiment), request(client_informed_share=informed, client_tier=2.0)
                given.add(REASONS[int(decide(model, flat_table(p), x, ctx)[OUT_MODEL_REASON])])
    assert given == REASONS_OF[model]
