"""An upper bound of the probability of a net move of legs that move independently, at a fraction of its cost.

It is that of legs that never move in favour of the quote: then the displacements are not negative, only those below the
barrier matter, and there are few of them. Where legs that move together have the larger probability anyway, the
convolution of all displacements is spared.
"""

from numba import njit

from quotelife_models.multileg.steps import half_steps

_ROW, _TABLE, _CUBE = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]"


@njit(f"void({_TABLE}, {_TABLE}, {_TABLE})", cache=True, nogil=True, _nrt=False)
def _add_leg(adverse, shares, below):
    """Add a leg's displacement to the distribution below the barrier, below float64[2 * steps, bins]. shares
    float64[steps, bins] is overwritten."""
    steps, (reach, bins) = shares.shape[0], adverse.shape
    for j in range(steps):
        for k in range(bins):
            shares[j, k] = 0.5 * (adverse[j, k] - (adverse[j + 1, k] if j + 1 < reach else 0.0))
    for at in range(2 * steps - 1, -1, -1):  # the largest first: the smaller ones are still without the leg
        for k in range(bins):
            below[at, k] *= 1.0 - 0.5 * adverse[0, k]
        for j in range(steps):
            rest = at - half_steps(j, reach)
            if rest < 0:
                break
            for k in range(bins):
                below[at, k] += shares[j, k] * below[rest, k]


@njit(f"void({_CUBE}, int64, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def fill_bound(adverse, steps, work, bound):
    """Fill bound float64[bins] with twice an upper bound of the probability that the displacements of legs that move
    independently add up to `steps`. work float64[3 * steps * bins] is overwritten."""
    n, bins = adverse.shape[0], adverse.shape[2]
    below = work[: 2 * steps * bins].reshape((2 * steps, bins))
    shares = work[2 * steps * bins : 3 * steps * bins].reshape((steps, bins))
    for at in range(2 * steps):
        for k in range(bins):
            below[at, k] = 1.0 if at == 0 else 0.0
    for i in range(n):
        _add_leg(adverse[i], shares, below)
    for k in range(bins):
        bound[k] = 2.0
        for at in range(2 * steps):
            bound[k] -= 2.0 * below[at, k]
