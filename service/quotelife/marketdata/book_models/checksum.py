"""Kraken's checksum of a book: CRC32 over its ten best offers, then its ten best bids.

Each level is its price, then its size, as decimal digits without the point and without leading zeros. Documented in
Kraken's "How to calculate checksum" of its spot book feed.
"""

import numpy as np
from numba import njit, types

from quotelife.fix import fields as F
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, decoder_state_at
from quotelife.marketdata.decoding.entries import untrusted

_I = types.int64
_DEPTH = 10
_POLYNOMIAL = 0xEDB88320  # of CRC-32 (ISO 3309), reflected


def _crc_table() -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """CRC of each byte."""
    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1)
    return table


_CRC = _crc_table()


@njit(_I(_I, _I), cache=True, nogil=True, _nrt=False)
def _add_number(crc, value):
    """CRC with the decimal digits of a number from 0."""
    digits, power = 1, 10
    while digits < 19 and value >= power:
        digits += 1
        power *= 10 if digits < 19 else 1
    packed = np.uint64(0)
    high = 0  # the digits from the eighth on, as a number
    for i in range(digits):
        digit = value % 10
        value //= 10
        if i < 16:
            packed |= np.uint64(digit) << np.uint64(4 * i)
        else:
            high |= digit << 4 * (i - 16)
    for i in range(digits - 1, -1, -1):
        digit = np.int64(packed >> np.uint64(4 * i)) & 15 if i < 16 else (high >> 4 * (i - 16)) & 15
        crc = _CRC[(crc ^ (48 + digit)) & 255] ^ crc >> 8
    return crc


@njit(_I(_I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _digits_of(units, unit, scale, decimals):
    """`units` steps of unit * 10**-scale, in units of 10**-decimals."""
    value = units * unit
    while decimals > scale:
        value *= 10
        scale += 1
    while decimals < scale:
        value //= 10
        scale -= 1
    return value


@njit(_I(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def kraken_checksum(addresses, row):
    """The checksum of a book as it is."""
    t = decoder_state_at(addresses)
    i = t.instruments[row]
    tick, lot = (i[M.I_TICK_UNIT], i[M.I_TICK_SCALE]), (i[M.I_LOT_UNIT], i[M.I_LOT_SCALE])
    px_decimals = i[M.I_PX_DECIMALS] if i[M.I_PX_DECIMALS] >= 0 else tick[1]
    size_decimals = i[M.I_SIZE_DECIMALS] if i[M.I_SIZE_DECIMALS] >= 0 else lot[1]
    crc = 0xFFFFFFFF
    for side in (1, 0):
        n = t.n[row, side]
        for at in range(n - 1, max(n - 1 - _DEPTH, -1), -1):
            crc = _add_number(crc, _digits_of(t.px[row, side, at], tick[0], tick[1], px_decimals))
            crc = _add_number(crc, _digits_of(t.sz[row, side, at], lot[0], lot[1], size_decimals))
    return crc ^ 0xFFFFFFFF


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def checksum_verdict(addresses, slot, row):
    """Compare the message's checksum with the book. A W need not have one. Returns a verdict."""
    t = decoder_state_at(addresses)
    start, end = t.scratch[M.S_CHECKSUM], t.scratch[M.S_CHECKSUM + 1]
    if end == 0:
        return 0 if t.touched[slot, M.T_SNAPSHOT] else untrusted(M.R_CHECKSUM)
    sent = F.parse_int(t.buf, start, end)
    if sent == F.INVALID:
        return untrusted(M.R_CHECKSUM)
    return 0 if sent == kraken_checksum(addresses, row) else untrusted(M.R_CHECKSUM)
