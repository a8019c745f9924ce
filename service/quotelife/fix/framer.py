"""Finds FIX messages in a byte stream: verifies BodyLength and CheckSum, skips garbled bytes.

A message is `8=FIX...|9=n|` + n bytes + `10=ccc|`; anything else is garbled (FIX session layer) and skipped up to the
next `8=FIX`. The result depends on the bytes alone, not on how they were split into reads.
"""

from numba import njit

INCOMPLETE, COMPLETE, GARBLED = 0, 1, 2

# out, int64[FRAME_WORDS]
FRAME_START, FRAME_END, FRAME_BODY, FRAME_SKIPPED = 0, 1, 2, 3
FRAME_WORDS = 4

MAX_BEGIN_STRING = 16  # bytes of the value of BeginString
MAX_LENGTH_DIGITS = 7
TRAILER_BYTES = 7  # 10=ccc|

_INCOMPLETE, _BAD = -1, -2


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def find_begin(buf, start, end):
    """First position from `start` of `8=FIX`, or of a prefix of it at the end of the bytes; else `end`."""
    for i in range(start, end):
        if buf[i] != 56:  # 8
            continue
        if i + 1 < end and buf[i + 1] != 61:  # =
            continue
        if i + 2 < end and buf[i + 2] != 70:  # F
            continue
        if i + 3 < end and buf[i + 3] != 73:  # I
            continue
        if i + 4 < end and buf[i + 4] != 88:  # X
            continue
        return i
    return end


@njit("int64(uint8[::1], int64, int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def _trailer_position(buf, begin, end, limit, out):
    """Position where `10=` must be for the message that begins at `begin`, _INCOMPLETE or _BAD. Sets FRAME_BODY."""
    pos = begin + 5
    stop = pos + MAX_BEGIN_STRING
    while True:
        if pos >= end:
            return _INCOMPLETE
        if buf[pos] == 1:
            break
        if pos >= stop:
            return _BAD
        pos += 1
    pos += 1
    if pos >= end:
        return _INCOMPLETE
    if buf[pos] != 57:  # 9
        return _BAD
    pos += 1
    if pos >= end:
        return _INCOMPLETE
    if buf[pos] != 61:
        return _BAD
    pos += 1
    length = 0
    digits = 0
    while True:
        if pos >= end:
            return _INCOMPLETE
        c = int(buf[pos])
        pos += 1
        if c == 1 and digits > 0:
            break
        if c < 48 or c > 57 or digits >= MAX_LENGTH_DIGITS:
            return _BAD
        length = length * 10 + c - 48
        digits += 1
    if length == 0 or pos - begin + length + TRAILER_BYTES > limit:
        return _BAD
    out[FRAME_BODY] = pos
    return pos + length


@njit("int64(int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def _skip_to(position, out):
    out[FRAME_SKIPPED] += position - out[FRAME_START]
    out[FRAME_END] = position
    return GARBLED


@njit("int64(uint8[::1], int64, int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def frame(buf, start, end, limit, out):
    """Find one message in `buf[start:end]`, which must not be empty; longer than `limit` bytes is garbled.

    Returns COMPLETE (the message is FRAME_START to FRAME_END, its first body field at FRAME_BODY), GARBLED (continue at
    FRAME_END) or INCOMPLETE (needs more bytes; those before FRAME_END are consumed). FRAME_SKIPPED is the number of
    bytes that this call skipped.
    """
    begin = find_begin(buf, start, end)
    out[FRAME_START] = begin
    out[FRAME_SKIPPED] = begin - start
    out[FRAME_END] = begin
    if end - begin < 5:
        return INCOMPLETE
    trailer = _trailer_position(buf, begin, end, limit, out)
    if trailer == _INCOMPLETE:
        return INCOMPLETE
    if trailer == _BAD:
        return _skip_to(begin + 1, out)
    message_end = trailer + TRAILER_BYTES
    if message_end > end:
        return INCOMPLETE
    well_formed = (
        buf[trailer - 1] == 1
        and buf[trailer] == 49  # 1
        and buf[trailer + 1] == 48  # 0
        and buf[trailer + 2] == 61
        and buf[trailer + 6] == 1
    )
    if not well_formed:
        return _skip_to(begin + 1, out)
    expected = 0
    for i in range(trailer + 3, trailer + 6):
        digit = int(buf[i]) - 48
        if digit < 0 or digit > 9:
            return _skip_to(message_end, out)
        expected = expected * 10 + digit
    total = 0
    for byte in buf[begin:trailer]:
        total += byte
    if total & 255 != expected:
        return _skip_to(message_end, out)
    out[FRAME_END] = message_end
    return COMPLETE
