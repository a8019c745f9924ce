"""The digest of a request's body in a kernel: the same 63 bits as `quotelife.rfq.quote_request.digest`."""

from typing import Any

import numpy as np
from numba import njit

from quotelife.market.book.orders import word_at

_POLYNOMIAL = 0xEDB88320  # of zlib's CRC-32, reflected
_ADLER = 65_521
_SLICES = 8


def _crc_table() -> np.ndarray[Any, np.dtype[np.uint32]]:
    """uint32[8, 256]: row n is the effect of a byte that n bytes follow (slicing by 8, Kounavis and Berry 2005)."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = crc >> np.uint32(1) ^ np.uint32(_POLYNOMIAL) * (crc & np.uint32(1))
    rows = [crc]
    for _ in range(_SLICES - 1):
        rows.append(rows[-1] >> np.uint32(8) ^ crc[rows[-1] & np.uint32(255)])
    return np.stack(rows)


_TABLE = _crc_table()
_BYTE, _LOW = np.uint64(8), np.uint64(255)


@njit("uint64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def _crc32(buf, start, end):
    crc = np.uint64(0xFFFFFFFF)
    pos = start
    while end - pos >= _SLICES:
        word = word_at(buf, pos) ^ crc
        crc = np.uint64(0)
        for n in range(_SLICES - 1, -1, -1):
            crc ^= np.uint64(_TABLE[n, word & _LOW])
            word >>= _BYTE
        pos += _SLICES
    while pos < end:
        crc = np.uint64(_TABLE[0, (crc ^ np.uint64(buf[pos])) & _LOW]) ^ (crc >> _BYTE)
        pos += 1
    return crc ^ np.uint64(0xFFFFFFFF)


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def _adler32(buf, start, end):
    """Its sums do not overflow for less than 2**28 bytes, so that one remainder at the end will do."""
    a = 1
    b = end - start
    for i in range(start, end):
        a += int(buf[i])
        b += (end - i) * int(buf[i])
    return (b % _ADLER) << 16 | a % _ADLER


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def digest(buf, start, end):
    """63 bits of a body in `buf[start:end]`: its first field to the SOH before CheckSum (10). For a message whose body
    fields stand in ascending order, as the general way digests them."""
    return np.int64(_crc32(buf, start, end) << np.uint64(31)) ^ _adler32(buf, start, end)
