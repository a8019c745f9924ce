"""The header of a plain request as it came from the client: what the session logic would check."""

from numba import njit

from quotelife.fix.framer import COMPLETE, FRAME_END, FRAME_START, frame
from quotelife.fix.session import EXPECTED, IN_SEQUENCE
from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.checks import is_name

MAX_MESSAGE = 4_096  # bytes; no plain request is as long
_ZERO, _NINE = 48, 57
_INTS, _BYTES = "int64[::1]", "uint8[::1]"


@njit(f"int64({_BYTES}, {_INTS})", cache=True, nogil=True, _nrt=False)
def first_message(buf, scratch):
    """End of the valid message with which the received bytes begin, 0 if they begin with none."""
    out = scratch[P.SCRATCH_FRAME : P.SCRATCH_TIME]
    status = frame(buf, 0, len(buf), MAX_MESSAGE, out)
    return out[FRAME_END] if status == COMPLETE and out[FRAME_START] == 0 else 0


@njit(f"int64({_BYTES}, int64, int64)", cache=True, nogil=True, _nrt=False)
def _number(buf, start, end):
    """The number that `buf[start:end]` is; -1 if it is none, has leading zeros or more than 18 digits."""
    if end - start > 18 or (buf[start] == _ZERO and end - start > 1):
        return -1
    value = 0
    for i in range(start, end):
        if buf[i] < _ZERO or buf[i] > _NINE:
            return -1
        value = 10 * value + int(buf[i]) - _ZERO
    return value


@njit(f"int64({_BYTES}, int64, int64)", cache=True, nogil=True, _nrt=False)
def _digits(buf, pos, n):
    """The number that `n` digits are, -1 if they are none."""
    value = 0
    for i in range(pos, pos + n):
        if buf[i] < _ZERO or buf[i] > _NINE:
            return -1
        value = 10 * value + int(buf[i]) - _ZERO
    return value


@njit(f"boolean({_BYTES}, int64, int64)", cache=True, nogil=True, _nrt=False)
def is_time(buf, start, end):
    """Whether `buf[start:end]` is a UTCTimestamp without a leap second, with 0, 3, 6 or 9 decimals, of a day that every
    month has; others are for the general way."""
    length = end - start
    if length != 17 and length != 21 and length != 24 and length != 27:
        return False
    if buf[start + 8] != 45 or buf[start + 11] != 58 or buf[start + 14] != 58:
        return False
    if _digits(buf, start, 4) < 1 or not 1 <= _digits(buf, start + 4, 2) <= 12:
        return False
    if not 1 <= _digits(buf, start + 6, 2) <= 31 or not 0 <= _digits(buf, start + 9, 2) < 24:
        return False
    if not 0 <= _digits(buf, start + 12, 2) < 60 or not 0 <= _digits(buf, start + 15, 2) < 60:
        return False
    return length == 17 or (buf[start + 17] == 46 and _digits(buf, start + 18, length - 18) >= 0)


@njit(f"boolean({_BYTES}, {_INTS}, {_INTS}, {_INTS})", cache=True, nogil=True, _nrt=False)
def is_next(buf, fields, session, sequence):
    """Whether a message is the next one of its session: version, CompIDs, number and time."""
    if sequence[IN_SEQUENCE] != 1:
        return False
    start, end = fields[P.FIELD_SEQ_NUM], fields[P.FIELD_SEQ_NUM + 1]
    if _number(buf, start, end) != sequence[EXPECTED]:
        return False
    start, end = fields[P.FIELD_BEGIN_STRING], fields[P.FIELD_BEGIN_STRING + 1]
    if not is_name(buf, start, end, session, P.SESSION_BEGIN, session[P.SESSION_BEGIN_LENGTH]):
        return False
    start, end = fields[P.FIELD_SENDER], fields[P.FIELD_SENDER + 1]
    if not is_name(buf, start, end, session, P.SESSION_SENDER, session[P.SESSION_SENDER_LENGTH]):
        return False
    start, end = fields[P.FIELD_TARGET], fields[P.FIELD_TARGET + 1]
    if not is_name(buf, start, end, session, P.SESSION_TARGET, session[P.SESSION_TARGET_LENGTH]):
        return False
    start, end = fields[P.FIELD_TRANSACT_TIME], fields[P.FIELD_TRANSACT_TIME + 1]
    if start != 0 and not is_time(buf, start, end):
        return False
    return is_time(buf, fields[P.FIELD_SENDING_TIME], fields[P.FIELD_SENDING_TIME + 1])
