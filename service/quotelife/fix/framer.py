"""Find the messages in a stream of bytes: BodyLength and CheckSum are verified, garbage is stepped over.

A message is `8=FIX...|9=n|` + n bytes + `10=ccc|` (FIX session layer, "garbled message"). What does not frame is
ignored and the search goes on with the next `8=FIX`. The outcome depends on the bytes alone, not on how they were split
into reads.
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
    """First place from `start` where `8=FIX` stands, or where the bytes end while it still could; else `end`."""
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
    """Where `10=` must stand of the message beginning at `begin`; _INCOMPLETE or _BAD. Sets FRAME_BODY."""
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
def _give_up(position, out):
    out[FRAME_SKIPPED] += position - out[FRAME_START]
    out[FRAME_END] = position
    return GARBLED


@njit("int64(uint8[::1], int64, int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def frame(buf, start, end, limit, out):
    """Look for one message in `buf[start:end]`; messages longer than `limit` bytes are garbled.

    Returns COMPLETE (the message is FRAME_START to FRAME_END, its first body field at FRAME_BODY), GARBLED (what began
    like a message is none; go on at FRAME_END) or INCOMPLETE (more bytes are needed; those before FRAME_END are done
    with). FRAME_SKIPPED is the number of bytes given up by this call. Call it with `end` > `start`.
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
        return _give_up(begin + 1, out)
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
        return _give_up(begin + 1, out)
    expected = 0
    for i in range(trailer + 3, trailer + 6):
        digit = int(buf[i]) - 48
        if digit < 0 or digit > 9:
            return _give_up(message_end, out)
        expected = expected * 10 + digit
    total = 0
    for byte in buf[begin:trailer]:
        total += byte
    if total & 255 != expected:
        return _give_up(message_end, out)
    out[FRAME_END] = message_end
    return COMPLETE
