"""An open quote against the current book: its margin to a withdrawal."""

from numba import njit

from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models.covariates import AT_EVENT, N_COVARIATES, THROUGH, fill_base, fill_event
from quotelife_models.decide import news_shift
from quotelife_models.enums import RISK_AVERSE
from quotelife_models.stopping import margin

# words of work: the predictor without barrier and news, whether a mixture in work takes the place of the parameters,
# and the raw covariates
LEVEL, TILT, MIXED, RAW = 0, 1, 2, 3
_Z = RAW + N_COVARIATES
MIXTURE = _Z + N_COVARIATES
WORK_WORDS = MIXTURE + H.N_PARAMETERS
THROUGH_PRICE = -1e9  # instead of a margin


@njit("void(float64[::1], float64[::1], float64, float64[::1])", cache=True, nogil=True, _nrt=False)
def remaining_base(table_row, x, side, work):
    """Fill work float64[WORK_WORDS] with what all quotes of a side (+1 offer, -1 bid) share."""
    raw, z = work[RAW : RAW + N_COVARIATES], work[_Z : _Z + N_COVARIATES]
    fill_base(x, side, raw)
    work[MIXED] = 0.0
    if H.mixed(table_row, x, work[MIXTURE : MIXTURE + H.N_PARAMETERS]):
        work[MIXED], table_row = 1.0, work[MIXTURE : MIXTURE + H.N_PARAMETERS]
    level, tilt = H.base_predictor(table_row, raw, z)
    fill_event(THROUGH, raw)
    event_level, event_tilt = H.predict(table_row, raw, z, AT_EVENT, N_COVARIATES)
    work[LEVEL], work[TILT] = level + event_level, tilt + event_tilt


@njit(
    "float64(float64[::1], int64, float64[::1], float64[::1], float64[::1], float64[::1], float64, float64, float64, "
    "float64, float64[::1])",
    cache=True,
    nogil=True,
    _nrt=False,
)
def remaining_margin(
    table_row, model, policy, stake, x, work, barrier_ticks, edge_ticks, elapsed_ms, remaining_ms, survival
):
    """`quotelife_models.stopping.margin` of one side of an open quote; THROUGH_PRICE if the market is through it.

    `work` is that of `remaining_base` for the side, `stake` that of the quote; `barrier_ticks` and `edge_ticks` are the
    present distances of the quoted price from the opposite best price and from the micro-price. survival
    float64[N_BINS] receives the curve of the pick-off, for Risk Averse the upper one.
    """
    if barrier_ticks <= 0.0:
        return THROUGH_PRICE
    if work[MIXED] > 0.0:
        table_row = work[MIXTURE : MIXTURE + H.N_PARAMETERS]
    level = work[LEVEL] + news_shift(policy, x)
    if model == RISK_AVERSE:
        level += policy[P.CONFIDENCE_Z] * table_row[H.ERROR]
    move_level, move_tilt = H.predict_move(table_row, work[RAW:], barrier_ticks)
    H.fill_curve(table_row, level + move_level, work[TILT] + move_tilt, survival)
    return margin(model, stake, x, edge_ticks, survival, elapsed_ms, remaining_ms)
