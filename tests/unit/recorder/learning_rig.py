"""Moments with random features, and outcomes drawn from known hazards: the predictions of an oracle are known."""

from functools import cache

import numpy as np

from quotelife.parameters.table import adjust_row, row_digest
from quotelife.recorder.learning.kernel import N_EVENTS, OTHER, PICK_OFF, fill_predictors
from quotelife.recorder.learning.learner import FitState
from quotelife.recorder.learning.samples import EVENT_OF, SIDES, Samples, losses, outcomes, predictors, probabilities
from quotelife.runtime.clock import NS_PER_S
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.covariates import COVARIATES
from quotelife_models.parameters import Parameters

PER_BLOCK = 60


SLOPES = {
    "imbalance_1": (1.5, -0.3),
    "log_volatility_1s": (0.6, 0.0),
    "log_spread": (0.8, 0.0),
    "top_updates": (0.4, 0.0),
}


@cache
def shipped(symbol="AIG"):
    """Parameters of an instrument with a simple fit in place of its own: its next one may not change these tests."""
    parameters = Parameters.load()
    row = parameters.table[parameters.for_symbol(symbol)].copy()
    row[H.ALPHA : H.BETA], row[H.BETA : H.CENTRE] = np.linspace(-6.5, -2.5, H.N_BINS), 0.0
    for name, (level, tilt) in SLOPES.items():
        row[H.BETA + COVARIATES.index(name)], row[H.GAMMA + COVARIATES.index(name)] = level, tilt
    row[H.CENTRE : H.SCALE], row[H.SCALE : H.ERROR] = 0.0, 1.0
    row[H.POOLED : H.POOLED + H.N_THETA], row[H.BOOST :] = row[H.ALPHA : H.CENTRE], 0.0
    return row


def state(row):
    return FitState(row, row_digest(row))


def market(rng, n):
    x = np.zeros((n, S.N_FEATURES))
    x[:, S.SPREAD] = rng.integers(1, 4, n)
    x[:, S.IMBALANCE_1] = rng.uniform(-1, 1, n)
    x[:, S.IMBALANCE_5] = 0.6 * x[:, S.IMBALANCE_1]
    x[:, S.REALISED_VOLATILITY_1S] = np.exp(rng.normal(-0.5, 0.7, n))
    x[:, S.REALISED_VOLATILITY_10S] = np.exp(rng.normal(0.3, 0.5, n))
    x[:, S.TOP_UPDATE_COUNT] = rng.poisson(2, n)
    x[:, S.BID_DEPTH_1] = x[:, S.ASK_DEPTH_1] = 10
    x[:, S.BID_DEPTH_5] = x[:, S.ASK_DEPTH_5] = 50
    x[:, S.AVERAGE_TRADE] = 2
    return x


def block(rng, row, number, shift=0.0, slope=1.0, n=PER_BLOCK):
    """A minute of labels from the hazards of a row, with shifted and stretched log-odds."""
    x, barriers = market(rng, n), np.ones((n, 2, N_EVENTS))
    barriers[:, :, PICK_OFF] = x[:, None, S.SPREAD]
    barriers[:, :, OTHER] = 2
    bins, drawn = np.zeros((n, 2, N_EVENTS), np.uint8), rng.random((2 * n, 1))
    for event in range(N_EVENTS):
        eta = np.empty((2 * n, H.N_BINS))
        rows, sides, kinds = np.repeat(np.arange(n), 2), np.tile(SIDES, n), np.full(2 * n, EVENT_OF[event])
        fill_predictors(row, x, rows, sides, barriers[:, :, event].ravel(), kinds, eta)
        bins[:, :, event] = (drawn > probabilities(shift + slope * eta)).sum(axis=1).reshape(n, 2)
    return Samples((number * PER_BLOCK + np.arange(n)) * NS_PER_S, x, barriers, bins)


def loss(row, samples, shift=0.0, slope=1.0):
    """Loss of a row with its log-odds shifted and stretched."""
    labels = outcomes(samples)
    return float(labels.weight @ losses(predictors(adjust_row(row, shift, slope), samples, labels), labels.bin))
