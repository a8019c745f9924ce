"""The race for a quote that the market has reached: the client's hit against the desk's withdrawal.

Both times start at the change of the board that put the market through the price, on the service's clock: the desk's
ends when the withdrawal is decided, the client's when its hit arrives. The earlier one wins. Both are log-normal, given
by mean and standard deviation of the logarithm, and independent. Some hits arrive before the board has changed; those
win every race.
"""

import math

import numpy as np
from numba import njit

_ROOT_2 = math.sqrt(2.0)


@njit("float64(float64, float64, float64, float64, float64)", cache=True, nogil=True, _nrt=False)
def race_lost(own_log_mean, own_log_sd, client_log_mean, client_log_sd, early_share):
    """Probability that the hit arrives before the withdrawal is decided.

    Times have any one unit; `early_share` in [0, 1] is the share of hits that arrive before the board has changed.
    """
    lead, sd = own_log_mean - client_log_mean, math.hypot(own_log_sd, client_log_sd)
    slower = 0.5 * math.erfc(-lead / (sd * _ROOT_2)) if sd > 0.0 else np.float64(lead > 0.0)
    return early_share + (1.0 - early_share) * slower
