"""Labelled moments of one instrument as arrays, and what parameters predict for them."""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.recorder.learning.kernel import N_EVENTS, ONE_TICK, PICK_OFF, TOUCH, fill_predictors
from quotelife_models.covariates import THROUGH
from quotelife_models.covariates import TOUCH as TOUCH_EVENT
from quotelife_models.hazard import N_BINS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SIDES = np.array([1.0, -1.0])  # offer, bid
EVENT_OF = np.where(np.arange(N_EVENTS) == TOUCH, TOUCH_EVENT, THROUGH)


@dataclass(frozen=True)
class Samples:
    """n moments with both sides."""

    moment_ns: Ints  # [n], monotonic
    x: Floats  # [n, N_FEATURES]
    barriers: Floats  # [n, 2, N_EVENTS], ticks
    bins: NDArray[np.uint8]  # [n, 2, N_EVENTS], bin of the first passage

    def __len__(self) -> int:
        return len(self.moment_ns)

    def columns(self) -> list[np.ndarray]:
        return [getattr(self, f.name) for f in fields(self)]


class Outcomes(NamedTuple):
    """One row per moment, side and event."""

    sample: Ints  # [m], of which moment
    side: Floats
    barrier: Floats
    event: Floats
    bin: Ints
    weight: Floats  # the rows of a moment share its weight of 1


def outcomes(samples: Samples, which: tuple[int, ...] = (ONE_TICK, PICK_OFF)) -> Outcomes:
    """The outcomes that parameters are judged by; a pick-off one tick away equals the one-tick move and is left out."""
    n = len(samples)
    shape = (n, 2, len(which))
    barrier = samples.barriers[:, :, which]
    used = np.ones(shape, bool)
    for at, event in enumerate(which):
        if event == PICK_OFF and ONE_TICK in which:
            used[:, :, at] = barrier[:, :, at] > 1.0
        used[:, :, at] &= barrier[:, :, at] > 0.0
    sample = np.broadcast_to(np.arange(n)[:, None, None], shape)[used]
    weight = 1.0 / np.maximum(np.bincount(sample, minlength=n), 1)[sample]
    return Outcomes(
        sample.astype(np.int64),
        np.broadcast_to(SIDES[None, :, None], shape)[used],
        barrier[used],
        np.broadcast_to(EVENT_OF[list(which)], shape)[used],
        samples.bins[:, :, which][used].astype(np.int64),
        weight,
    )


def predictors(row: Floats, samples: Samples, of: Outcomes) -> Floats:
    """Log-odds [m, N_BINS] of the outcomes under a row of parameters."""
    eta = np.empty((len(of.bin), N_BINS))
    fill_predictors(row, samples.x, of.sample, of.side, of.barrier, of.event, eta)
    return eta


def at_risk(bins: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two bool[m, N_BINS]: whether a bin was entered, and whether the passage was in it."""
    k = np.arange(N_BINS)
    return k <= bins[:, None], k == bins[:, None]


def losses(eta: Floats, bins: Ints) -> Floats:
    """Negative log-likelihood [m] of each outcome."""
    entered, came = at_risk(bins)
    each = np.logaddexp(0.0, np.where(came, -eta, eta))
    return np.where(entered, each, 0.0).sum(axis=1)


def probabilities(eta: Floats) -> Floats:
    """p [m, N_BINS] at the ends of the bins."""
    return -np.expm1(-np.cumsum(np.logaddexp(0.0, eta), axis=1))
