"""The survival curve of a net price, from the probabilities that each leg alone moves it.

One tick of a leg moves the net price by the leg's weight: its ratio times its tick, over the multileg's tick. The leg's
own curves give the probability that it alone moves the net price against the quote by j steps or more by T, p(j, T),
and by as much in favour, q(j, T). A net move of m ticks is m steps of a tick, or the maximum number of equal steps;
moves of a leg are considered up to half as far again.

    net       the legs move independently. By the reflection principle a leg that has reached j is at j or beyond with
              probability one half: its displacement is Y >= j with p(j)/2 and Y <= -j with q(j)/2, placed in the middle
              between two steps if it lies between them. The net displacement is the sum, a convolution, and
              P(net >= m by T) = 2 P(Y_1 + .. + Y_n >= m). This is exact for Brownian motions and where one leg makes
              the move alone; two rare jumps at once are counted at one half.
    together  the legs whose adverse direction is the same move as one: the largest p at which the quantiles of their
              moves add up to m. Moves of related legs are correlated, and then they add up. Partial cancellation of
              opposite legs is not relied on, so the spread of two futures lives shorter than it could.

p is the larger one, never falling in T. One leg of weight 1 gets its own curve. Against walks that are played out p is
within a third of its value or two hundredths: the legs' curves are no better known. A test holds that
(`tests/property/models/test_multileg.py`).
"""

from numba import njit

from quotelife_models import hazard as H
from quotelife_models.multileg.bound import fill_bound
from quotelife_models.multileg.pair import fill_pair
from quotelife_models.multileg.steps import MAX_STEPS, SUM_WORDS
from quotelife_models.multileg.sums import summed

_N = H.N_BINS
NET_WORDS = 2 * _N + max(3 * SUM_WORDS, 3 * MAX_STEPS * _N)  # workspace of `joint_survival`
_CAUTION = 1.0 + 1e-9  # on a bound, which is rounded
_ROW, _CUBE = "float64[::1]", "float64[:,:,::1]"


@njit(f"float64({_CUBE}, {_ROW}, float64, int64, int64, {_ROW})", cache=True, nogil=True, _nrt=False)
def _together(adverse, sides, side, steps, k, places):
    """The largest p at which the moves of the legs of one side add up to `steps`: as p falls in the steps, the one
    number `steps` among all p of these legs, from the largest down. places float64[legs] is overwritten."""
    n, reach, p, legs, alone = adverse.shape[0], adverse.shape[1], 0.0, 0, 0
    for i in range(n):
        places[i] = 0.0 if sides[i] == side else reach
        if sides[i] == side:
            legs, alone = legs + 1, i
    if legs < 2:
        return adverse[alone, steps - 1, k] if legs == 1 else 0.0
    for _ in range(steps):
        at, p = -1, -1.0
        for i in range(n):
            place = int(places[i])
            if place < reach and adverse[i, place, k] > p:
                at, p = i, adverse[i, place, k]
        if at < 0:
            return 0.0
        places[at] += 1.0
    return p


@njit(f"void({_CUBE}, {_CUBE}, int64, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def _raise_to_independent(adverse, favourable, steps, p, work):
    """Raise p float64[bins], the probability of a net move of `steps` of three or more legs that move together, to that
    of legs that move independently, where it is larger; p never falls."""
    bins = len(p)
    bound, rest = work[:bins], work[bins:]
    fill_bound(adverse, steps, rest, bound)
    some, tail, spare = rest[:SUM_WORDS], rest[SUM_WORDS : 2 * SUM_WORDS], rest[2 * SUM_WORDS :]
    floor = 0.0
    for k in range(bins):
        floor = max(floor, p[k])
        if bound[k] * _CAUTION > floor:
            floor = max(floor, summed(adverse, favourable, steps, k, some, tail, spare))
        p[k] = floor


@njit(f"void({_CUBE}, {_CUBE}, {_ROW}, int64, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def joint_survival(adverse, favourable, sides, steps, work, survival):
    """Fill survival float64[bins], bins at most N_BINS, of a net move of `steps`.

    adverse, favourable float64[legs, reach, bins]: p that the leg alone moves the net by 1, 2 .. reach steps, falling
    in the steps; sides float64[legs]: +1 where the leg's bid rising is adverse, -1 where its offer falling is. work
    float64[NET_WORDS] is overwritten; it has room for MAX_LEGS legs and the steps of `steps_of`.
    """
    n, bins, floor = adverse.shape[0], len(survival), 0.0
    p, rest = work[:bins], work[bins:]
    if n == 1:
        for k in range(bins):
            p[k] = adverse[0, steps - 1, k]
    elif n == 2:
        fill_pair(adverse, favourable, steps, rest[:bins], p)
    if n != 1:
        for k in range(bins):
            towards = _together(adverse, sides, 1.0, steps, k, rest)
            towards = max(towards, _together(adverse, sides, -1.0, steps, k, rest))
            p[k] = max(p[k], towards) if n == 2 else towards
    if n > 2:
        _raise_to_independent(adverse, favourable, steps, p, rest)
    for k in range(bins):
        floor = max(floor, p[k])
        survival[k] = max(1.0 - floor, H.FLOOR)
