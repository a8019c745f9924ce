"""Tolerance curve: steps of [probability of a one-tick adverse move within 500 ms, lifetime in ms].

A step's probability is an inclusive upper bound: with `[0.02 -> 750 ms, 0.10 -> 250 ms, 1.0 -> 150 ms]` a probability
of 1 % or of exactly 2 % gives 750 ms, one of 15 % gives 150 ms.
"""

from numba import njit

from quotelife_models import policy as P


@njit("float64(float64[::1], float64)", cache=True, nogil=True, _nrt=False)
def step_lifetime(policy, p):
    """Lifetime in ms of the first step whose probability is at least p; above all of them, that of the last step."""
    n = int(policy[P.TOLERANCE_STEPS])
    for i in range(n):
        if p <= policy[P.TOLERANCE + 2 * i] or i == n - 1:
            return policy[P.TOLERANCE + 2 * i + 1]
    return 0.0
