"""Kernels of the labels: what happened after a moment, and what given parameters predict for it."""

import numpy as np
from numba import njit

from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.covariates import N_BASE, N_COVARIATES, fill_barrier, fill_base

ONE_TICK, TOUCH, PICK_OFF, OTHER = range(4)  # the events of a label; each has a barrier in ticks
N_EVENTS = 4
NO_PASSAGE = S.N_BINS
ENDS_NS = np.array(S.BIN_ENDS_MS) * 1_000_000
HORIZON_NS = int(ENDS_NS[-1])


@njit(
    "void(int64[::1], int64[::1], int64[::1], int64, int64, int64, float64[:,::1], int64[::1], uint8[:,::1])",
    cache=True,
    nogil=True,
)
def label(times_ns, bids, asks, moment_ns, bid, ask, barriers, ends_ns, bins):
    """Bin of the first passage of each event within `ends_ns` of a moment, for an offer and for a bid.

    The path of best prices int64[n] ascends in time; (bid, ask) are those of the moment itself. barriers
    float64[2, N_EVENTS] in ticks; bins uint8[2, N_EVENTS] receives the bin, NO_PASSAGE if there was none.
    """
    bins[:] = NO_PASSAGE
    k = 0
    for j in range(np.searchsorted(times_ns, moment_ns, side="right"), times_ns.shape[0]):
        after = times_ns[j] - moment_ns
        while k < ends_ns.shape[0] and after > ends_ns[k]:
            k += 1
        if k == ends_ns.shape[0]:
            break
        # A best bid that rises to it picks an offer off, a best offer that falls to it a bid. TOUCH is the move
        # of the best price on the same side.
        for side in range(2):
            through = bids[j] - bid if side == 0 else ask - asks[j]
            touch = asks[j] - ask if side == 0 else bid - bids[j]
            for e in range(N_EVENTS):
                moved = touch if e == TOUCH else through
                if bins[side, e] == NO_PASSAGE and moved >= barriers[side, e]:
                    bins[side, e] = k


@njit(
    "void(float64[::1], float64[:,::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[:,::1])",
    cache=True,
    nogil=True,
)
def fill_predictors(table_row, x, row, side, barrier, event, eta):
    """Log-odds float64[n, N_BINS] of the hazard in each bin, of market row x[row[i]] for side +1 or -1, a barrier in
    ticks and an event of `quotelife_models.covariates`. News are not included: their effect is the desk's policy."""
    raw, z, mixture = np.empty(N_COVARIATES), np.empty(N_COVARIATES), np.empty(H.N_PARAMETERS)
    for i in range(row.shape[0]):
        fit = mixture if H.mixed(table_row, x[row[i]], mixture) else table_row
        fill_base(x[row[i]], side[i], raw)
        level, tilt = H.base_predictor(fit, raw, z)
        fill_barrier(barrier[i], event[i], raw)
        more_level, more_tilt = H.predict(fit, raw, z, N_BASE, N_COVARIATES)
        for k in range(H.N_BINS):
            eta[i, k] = fit[H.ALPHA + k] + level + more_level + H.TAU[k] * (tilt + more_tilt)
