"""The risk that an open quote still carries: the survival curve of the time that remains, from the book as it is."""

from numba import njit

from models import hazard as H
from models import policy as P
from models import schema as S
from models.covariates import AT_EVENT, N_COVARIATES, THROUGH, fill_base, fill_event

WORK_WORDS = 2 * N_COVARIATES


@njit(
    "float64(float64[::1], float64[::1], float64[::1], float64, float64, float64, float64[::1])",
    cache=True,
    nogil=True,
    _nrt=False,
)
def remaining_risk(table_row, policy, x, side, barrier_ticks, remaining_ms, work):
    """Probability of the pick-off within `remaining_ms`; 1 when the price is through the quote already.

    `side` is +1 for an offer, -1 for a bid; `barrier_ticks` the distance from the best price on the side that can hurt
    to the quoted one, as it is now. `work` float64[WORK_WORDS] is overwritten. Other arrays as in `models.decide`.
    """
    if barrier_ticks <= 0.0:
        return 1.0
    raw, z = work[:N_COVARIATES], work[N_COVARIATES:]
    fill_base(x, side, raw)
    level, tilt = H.base_predictor(table_row, raw, z)
    level += policy[P.NEWS_LOG_ODDS] * min(abs(x[S.NEWS_SENTIMENT]), 1.0)
    fill_event(THROUGH, raw)
    event_level, event_tilt = H.predict(table_row, raw, z, AT_EVENT, N_COVARIATES)
    move_level, move_tilt = H.predict_move(table_row, raw, barrier_ticks)
    return H.p_of(table_row, level + event_level + move_level, tilt + event_tilt + move_tilt, remaining_ms)
