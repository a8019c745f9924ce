"""Reads the system's clocks in kernels."""

from numba import njit, types

from quotelife.shm.arrays import word_array

REALTIME, MONOTONIC = 0, 1
_NS_PER_S = 1_000_000_000
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.int64))


@njit("int64(int32, int64)", cache=True, nogil=True, _nrt=False)
def clock_ns(clock, address):
    """Time of REALTIME or MONOTONIC in ns; `address` is that of int64[2], which is overwritten."""
    _clock_gettime(clock, address)
    time = word_array(address, 2)
    return time[0] * _NS_PER_S + time[1]
