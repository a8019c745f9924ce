"""The grid on which moves of a net price are considered: its steps, and where a leg is that has moved by some of them.

Displacements are counted in half steps, as a leg between two steps counts as in their middle.
"""

import math

from numba import njit

from quotelife_models import hazard as H

MAX_LEGS = 8
MAX_STEPS, SHARED_STEPS, MIN_STEPS = 16, 32, 6  # of a net move; SHARED_STEPS over the number of legs, to limit time
_BEYOND = 1.5  # farthest move of a leg that is considered, over m
_SLACK = 1e-9  # ticks: a barrier this near to a whole tick counts as one
_N = H.N_BINS
_TABLE = "float64[:,::1]"


@njit("int64(int64, float64)", cache=True, nogil=True, _nrt=False)
def steps_of(n_legs, barrier):
    """Number of steps of a net move of `barrier` ticks (at least 1)."""
    most = min(max(SHARED_STEPS // n_legs, MIN_STEPS), MAX_STEPS)
    return int(min(math.ceil(barrier - _SLACK), most))


@njit("int64(int64, int64)", cache=True, nogil=True, _nrt=False)
def reach_of(n_legs, steps):
    """Number of steps up to which the moves of a leg are considered."""
    return math.ceil(_BEYOND * steps) if n_legs > 1 else steps


def _largest(words) -> int:  # type: ignore[no-untyped-def]
    """The most words that any number of legs needs, of words(legs, reach)."""
    reaches = ((n, reach_of(n, steps_of(n, 1e9))) for n in range(1, MAX_LEGS + 1))
    return max(words(n, reach) for n, reach in reaches)


MOVE_WORDS = _largest(lambda n, reach: n * reach * _N)  # of the moves of all legs one way
# Displacement 0 of half the legs, with room for those of one leg more on both sides.
MIDDLE = _largest(lambda n, reach: 2 * (n - n // 2 + 1) * reach)
SUM_WORDS = 2 * MIDDLE + 1


@njit("int64(int64, int64)", cache=True, nogil=True, _nrt=False)
def half_steps(j, reach):
    """Where a leg is that has moved by j + 1 steps, but no further: in the middle to the next step, or at its reach."""
    return 2 * (j + 1) + (1 if j < reach - 1 else 0)


@njit(f"UniTuple(float64, 2)({_TABLE}, {_TABLE}, int64, int64)", cache=True, nogil=True, _nrt=False)
def shares(adverse, favourable, j, k):
    """P(the leg has moved by j + 1 steps, but no further, and is still there) up and down; (0, 0) beyond its reach."""
    last = adverse.shape[0] - 1
    if j > last:
        return 0.0, 0.0
    if j == last:
        return 0.5 * adverse[j, k], 0.5 * favourable[j, k]
    return 0.5 * (adverse[j, k] - adverse[j + 1, k]), 0.5 * (favourable[j, k] - favourable[j + 1, k])
