"""The probability of a net move of legs that move independently, by the convolution of their displacements."""

from numba import njit

from quotelife_models.multileg.steps import MIDDLE, half_steps, shares

_ROW, _TABLE, _CUBE = "float64[::1]", "float64[:,::1]", "float64[:,:,::1]"


@njit(f"void({_TABLE}, {_TABLE}, int64, {_ROW})", cache=True, nogil=True, _nrt=False)
def _fill_displacement(adverse, favourable, k, total):
    """Distribution of a leg's displacement by the end of bin k, in half steps, 0 at MIDDLE, into total."""
    reach = adverse.shape[0]
    total[MIDDLE] = 1.0 - 0.5 * adverse[0, k] - 0.5 * favourable[0, k]
    for j in range(reach):
        by = half_steps(j, reach)
        up, down = shares(adverse, favourable, j, k)
        total[MIDDLE + by], total[MIDDLE - by] = up, down


@njit(f"void({_TABLE}, {_TABLE}, int64, {_ROW})", cache=True, nogil=True, _nrt=False)
def _fill_tail(adverse, favourable, k, total):
    """P(displacement of at least this) of a leg by the end of bin k, in half steps, 0 at MIDDLE, into total between
    the leg's ends; it is 1 before and 0 beyond them."""
    reach, up, down = adverse.shape[0], total[MIDDLE + 1 :], total[: MIDDLE + 1]
    up[0], down[-1] = 0.5 * adverse[0, k], 1.0 - 0.5 * favourable[0, k]
    for j in range(reach):
        up[2 * j + 1] = up[2 * j + 2] = 0.5 * adverse[j, k]
        down[-2 * j - 2] = down[-2 * j - 3] = 1.0 - 0.5 * favourable[j, k]
    up[2 * reach], down[-2 * reach - 1] = 0.0, 1.0


@njit(
    f"void({_TABLE}, {_TABLE}, int64, int64, {_ROW}, {_ROW})",
    cache=True,
    nogil=True,
    _nrt=False,
    fastmath={"contract"},
)
def _add_leg(adverse, favourable, k, ends, total, work):
    """Add a leg's displacement by the end of bin k to the one in total, which lies between `ends` half steps on both
    sides of MIDDLE, or to its tail; work is as long as total.

    Each pass sums two steps of the leg, both ways, for every result: to add one step at a time to all of them would
    wait for what has just been written, at another place.
    """
    reach = adverse.shape[0]
    begin, length = MIDDLE - ends - 2 * reach, 2 * ends + 4 * reach + 1
    still, here, sums = 1.0 - 0.5 * adverse[0, k] - 0.5 * favourable[0, k], total[begin:], work[:length]
    for at in range(length):
        sums[at] = still * here[at]
    for j in range(0, reach, 2):
        by, beyond = half_steps(j, reach), half_steps(min(j + 1, reach - 1), reach)
        up, down = shares(adverse, favourable, j, k)
        next_up, next_down = shares(adverse, favourable, j + 1, k)
        below, above, far_below, far_above = (
            total[begin - by :], total[begin + by :], total[begin - beyond :], total[begin + beyond :],
        )  # fmt: skip
        for at in range(length):
            sums[at] += (up * below[at] + down * above[at]) + (next_up * far_below[at] + next_down * far_above[at])
    for at in range(length):
        here[at] = sums[at]


@njit(f"void({_CUBE}, {_CUBE}, int64, int64, int64, float64, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def _add_legs(adverse, favourable, first, end, k, before, total, work):
    """The summed displacement of legs [first, end) by the end of bin k into total, 0 at MIDDLE: its distribution, or
    where `before` is 1.0 its tail. `before` is what lies before all ends."""
    zero = 2 * adverse.shape[1]
    room = (end - first + 1) * zero
    for at in range(MIDDLE - room, MIDDLE):
        total[at] = before
    for at in range(MIDDLE, MIDDLE + room + 1):
        total[at] = 0.0
    if before > 0.0:
        _fill_tail(adverse[first], favourable[first], k, total)
    else:
        _fill_displacement(adverse[first], favourable[first], k, total)
    for i in range(first + 1, end):
        _add_leg(adverse[i], favourable[i], k, (i - first) * zero, total, work)


@njit(f"float64({_CUBE}, {_CUBE}, int64, int64, {_ROW}, {_ROW}, {_ROW})", cache=True, nogil=True, _nrt=False)
def summed(adverse, favourable, steps, k, some, tail, work):
    """P(net >= steps) by the end of bin k of two or more legs that move independently.

    The legs are summed in two halves, of which only the tail of the sum is computed: that avoids the largest
    convolution.
    """
    n, zero = adverse.shape[0], 2 * adverse.shape[1]
    half, m = n // 2, 2 * steps
    _add_legs(adverse, favourable, half, n, k, 1.0, tail, work)
    _add_legs(adverse, favourable, 0, half, k, 0.0, some, work)
    end, a, b, c, d = zero * half, 0.0, 0.0, 0.0, 0.0
    for at in range(-end, end + 1, 4):  # four sums, none of which waits for another; beyond its end `some` is 0
        here, there = MIDDLE + at, MIDDLE + m - at
        a += some[here] * tail[there]
        b += some[here + 1] * tail[there - 1]
        c += some[here + 2] * tail[there - 2]
        d += some[here + 3] * tail[there - 3]
    return min(2.0 * ((a + b) + (c + d)), 1.0)
