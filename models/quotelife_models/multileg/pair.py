"""The probability of a net move of two legs that move independently, for all bins at once.

Of every displacement of the first leg, the second has to make the rest of the way. That is the sum of
`quotelife_models.multileg.sums`, without a distribution in memory.
"""

from numba import njit

from quotelife_models.multileg.steps import half_steps

_ROW, _TABLE, _CUBE = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]"


@njit(f"void({_ROW}, {_TABLE}, {_TABLE}, int64, {_ROW})", cache=True, nogil=True, _nrt=False)
def _add_rest(share, adverse, favourable, least, p):
    """Add to p the probability `share` of a displacement of the first leg, times that of `least` half steps or more of
    the second."""
    reach = adverse.shape[0]
    if least > 2 * reach:
        return
    if least <= -2 * reach:
        for k in range(len(p)):
            p[k] += share[k]
    elif least > 0:
        moved = adverse[max(least // 2 - 1, 0)]
        for k in range(len(p)):
            p[k] += share[k] * (0.5 * moved[k])
    else:
        moved = favourable[max(-least - 1, 0) // 2]
        for k in range(len(p)):
            p[k] += share[k] * (1.0 - 0.5 * moved[k])


@njit(f"void({_CUBE}, {_CUBE}, int64, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def fill_pair(adverse, favourable, steps, share, p):
    """Fill p float64[bins] with P(net >= steps) of two legs; share float64[bins] is overwritten."""
    up, down, reach, bins, m = adverse[0], favourable[0], adverse.shape[1], len(p), 2 * steps
    for k in range(bins):
        share[k], p[k] = 1.0 - 0.5 * up[0, k] - 0.5 * down[0, k], 0.0
    _add_rest(share, adverse[1], favourable[1], m, p)
    for j in range(reach):
        by, is_last = half_steps(j, reach), j == reach - 1
        for k in range(bins):
            share[k] = 0.5 * (up[j, k] - (0.0 if is_last else up[j + 1, k]))
        _add_rest(share, adverse[1], favourable[1], m - by, p)
        for k in range(bins):
            share[k] = 0.5 * (down[j, k] - (0.0 if is_last else down[j + 1, k]))
        _add_rest(share, adverse[1], favourable[1], m + by, p)
    for k in range(bins):
        p[k] = min(2.0 * p[k], 1.0)
