"""The header of a plain request as it came from the client: what the session logic would check."""

from numba import njit

from quotelife.fix.fields import INVALID, parse_int, parse_utc_timestamp
from quotelife.fix.framer import COMPLETE, FRAME_END, FRAME_START, frame
from quotelife.fix.session import EXPECTED, IN_SEQUENCE
from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.checks import is_name

MAX_MESSAGE = 4_096  # bytes; no plain request is as long
_INTS, _BYTES = "int64[::1]", "uint8[::1]"


@njit(f"int64({_BYTES}, {_INTS})", cache=True, nogil=True, _nrt=False)
def first_message(buf, scratch):
    """End of the valid message with which the received bytes begin, 0 if they begin with none."""
    out = scratch[P.SCRATCH_FRAME : P.SCRATCH_TIME]
    status = frame(buf, 0, len(buf), MAX_MESSAGE, out)
    return out[FRAME_END] if status == COMPLETE and out[FRAME_START] == 0 else 0


@njit(f"boolean({_BYTES}, {_INTS}, {_INTS}, {_INTS})", cache=True, nogil=True, _nrt=False)
def is_next(buf, fields, session, sequence):
    """Whether a message is the next one of its session: version, CompIDs, number and time."""
    if sequence[IN_SEQUENCE] != 1:
        return False
    if parse_int(buf, fields[P.FIELD_SEQ_NUM], fields[P.FIELD_SEQ_NUM + 1]) != sequence[EXPECTED]:
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
    if start != 0 and parse_utc_timestamp(buf, start, end) == INVALID:
        return False
    return parse_utc_timestamp(buf, fields[P.FIELD_SENDING_TIME], fields[P.FIELD_SENDING_TIME + 1]) != INVALID
