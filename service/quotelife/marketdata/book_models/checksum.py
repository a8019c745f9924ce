"""Kraken's checksum of a book: CRC32 over its ten best offers, then its ten best bids.

Each level is its price, then its size, as decimal digits without the point and without leading zeros. Documented in
Kraken's "How to calculate checksum" of its spot book feed.
"""

import numpy as np
from numba import njit, types

from quotelife.fix import fields as F
from quotelife.market.book.orders import word_at
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, BYTES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import untrusted

_I, _U = types.int64, types.uint64
_DEPTH = 10
_ZEROS = np.uint64(0x3030303030303030)
_POLYNOMIAL = 0xEDB88320  # of CRC-32 (ISO 3309), reflected


def _crc_tables() -> "np.ndarray[tuple[int, int], np.dtype[np.uint32]]":
    """tables[n, b]: CRC of the byte b before n zero bytes, so that eight bytes are added at once ("slicing by eight":
    Kounavis, Berry: A systematic approach to building high performance software-based CRC generators, 2005)."""
    tables = np.zeros((8, 256), np.uint32)
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, crc >> 1 ^ np.uint32(_POLYNOMIAL), crc >> 1).astype(np.uint32)
    tables[0] = crc
    for n in range(1, 8):
        tables[n] = tables[0][tables[n - 1] & 255] ^ tables[n - 1] >> 8
    return tables


_CRC = _crc_tables()
_LOW = np.uint64(255)
_START = 8  # of the text; a number that is new is written before it
_CHUNK = 100_000_000  # eight digits


@njit(_U(_I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _eight_digits(value):
    """The digits of a number below 10**8 as eight bytes from 0 to 9, the first one lowest. The halves, quarters and
    eighths are divided side by side in one word."""
    upper = np.uint64(value) // np.uint64(10_000)
    halves = upper | (np.uint64(value) - upper * np.uint64(10_000)) << np.uint64(32)
    hundreds = (halves * np.uint64(10_486) >> np.uint64(20)) & np.uint64(0x7F0000007F)
    quarters = hundreds | (halves - np.uint64(100) * hundreds) << np.uint64(16)
    tens = (quarters * np.uint64(103) >> np.uint64(10)) & np.uint64(0x000F000F000F000F)
    return tens | (quarters - np.uint64(10) * tens) << np.uint64(8)


@njit(types.void(BYTES, _I, _U), cache=True, nogil=True, _nrt=False, forceinline=True)
def _write_word(text, at, word):
    to = np.uint64(at)
    for n in range(8):
        text[to + np.uint64(n)] = np.uint8(word >> np.uint64(8 * n) & _LOW)


@njit(_I(BYTES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _write_long(text, at, value, all_digits):
    """Write a number from 0 in decimal digits, at least eight if `all_digits`. Returns its end."""
    if value >= _CHUNK:
        at = _write_long(text, at, value // _CHUNK, all_digits)
        value, all_digits = value % _CHUNK, 1
    digits = _eight_digits(value) | _ZEROS
    zeros = 0
    while not all_digits and zeros < 7 and (digits >> np.uint64(8 * zeros)) & _LOW == _ZEROS & _LOW:
        zeros += 1
    _write_word(text, at, digits >> np.uint64(8 * zeros))
    return at + 8 - zeros


@njit(_I(DECODER_STATE, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _write(t, row, number, at, value):
    """Write the text's number with this index, most often the one that was there in the row's last text."""
    known = t.digits[row, number]
    if known[M.DG_KEY] != value + 1:
        if value >= _CHUNK:
            return _write_long(t.text, at, value, 0)
        known[M.DG_LENGTH] = _write_long(t.text, 0, value, 0)
        known[M.DG_TEXT] = np.int64(word_at(t.text, 0))
        known[M.DG_KEY] = value + 1
    _write_word(t.text, at, np.uint64(known[M.DG_TEXT]))
    return at + known[M.DG_LENGTH]


@njit(_I(BYTES, _I), cache=True, nogil=True, _nrt=False)
def crc32(text, end):
    """CRC-32 of text[_START:end]."""
    crc = np.uint64(0xFFFFFFFF)
    at = _START
    while at + 8 <= end:
        word = word_at(text, at) ^ crc
        a = _CRC[7, np.int64(word & _LOW)] ^ _CRC[6, np.int64(word >> np.uint64(8) & _LOW)]
        b = _CRC[5, np.int64(word >> np.uint64(16) & _LOW)] ^ _CRC[4, np.int64(word >> np.uint64(24) & _LOW)]
        c = _CRC[3, np.int64(word >> np.uint64(32) & _LOW)] ^ _CRC[2, np.int64(word >> np.uint64(40) & _LOW)]
        d = _CRC[1, np.int64(word >> np.uint64(48) & _LOW)] ^ _CRC[0, np.int64(word >> np.uint64(56))]
        crc = np.uint64(a ^ b ^ (c ^ d))
        at += 8
    while at < end:
        crc = np.uint64(_CRC[0, np.int64((crc ^ np.uint64(text[at])) & _LOW)]) ^ crc >> np.uint64(8)
        at += 1
    return np.int64(crc) ^ 0xFFFFFFFF


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
    end = _START
    for side in (1, 0):
        n = t.n[row, side]
        for at in range(n - 1, max(n - 1 - _DEPTH, -1), -1):
            number = 2 * (n - 1 - at) + (1 - side) * 2 * _DEPTH
            end = _write(t, row, number, end, _digits_of(t.px[row, side, at], tick[0], tick[1], px_decimals))
            end = _write(t, row, number + 1, end, _digits_of(t.sz[row, side, at], lot[0], lot[1], size_decimals))
    return crc32(t.text, end)


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
