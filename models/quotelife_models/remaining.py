"""The pick-off risk of an open quote over its remaining lifetime, from the current book."""

from numba import njit

from quotelife_models import hazard as H
from quotelife_models.covariates import AT_EVENT, N_COVARIATES, THROUGH, fill_base, fill_event
from quotelife_models.decide import news_shift

LEVEL, TILT, RAW = 0, 1, 2  # words of work: the predictor without barrier and news, and the raw covariates
_Z = RAW + N_COVARIATES
WORK_WORDS = _Z + N_COVARIATES


@njit("void(float64[::1], float64[::1], float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def remaining_base(table_row, x, side, work):
    """Fill work float64[WORK_WORDS] with what all quotes of a side (+1 offer, -1 bid) share."""
    raw, z = work[RAW : RAW + N_COVARIATES], work[_Z : _Z + N_COVARIATES]
    fill_base(x, side, raw)
    level, tilt = H.base_predictor(table_row, raw, z)
    fill_event(THROUGH, raw)
    event_level, event_tilt = H.predict(table_row, raw, z, AT_EVENT, N_COVARIATES)
    work[LEVEL], work[TILT] = level + event_level, tilt + event_tilt


@njit(
    "float64(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def remaining_risk(table_row, policy, x, work, barrier_ticks, remaining_ms):
    """Probability of the pick-off within `remaining_ms`; 1 if the market is through the quote already.

    `work` is that of `remaining_base` for the side; `barrier_ticks` is the current distance from the opposite best
    price to the quoted price. Other arrays are as in `quotelife_models.decide`.
    """
    if barrier_ticks <= 0.0:
        return 1.0
    level = work[LEVEL] + news_shift(policy, x)
    move_level, move_tilt = H.predict_move(table_row, work[RAW:], barrier_ticks)
    return H.p_of(table_row, level + move_level, work[TILT] + move_tilt, remaining_ms)
