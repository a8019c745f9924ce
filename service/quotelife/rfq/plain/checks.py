"""What `quotelife.decision.limits` and the handler check before they decide, for a plain request.

Nothing here has an effect. A request that would be refused is declined, and so is one for which it is not certain.
"""

import numpy as np
from numba import njit

from quotelife.controls import layout as C
from quotelife.decision import client_state as A
from quotelife.decision import kernel as K
from quotelife.market.book.orders import hash_bytes
from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.numbers import exact_units
from quotelife.rfq.seen_request_ids import SEEN_HELD, has_room, is_seen
from quotelife.runtime.clock import NS_PER_S
from quotelife.shm.arrays import float_array, word_array, word_array2
from quotelife_models.enums import BUY, MARKET_CLOSED, PHASE_CLOSED, SELL, TWO_WAY

OK = 1
_ONE = 49
_INTS, _BYTES = "int64[::1]", "uint8[::1]"


@njit(f"boolean({_BYTES}, int64, int64, {_INTS}, int64, int64)", cache=True, nogil=True, _nrt=False)
def is_name(buf, start, end, words, at, length):
    """Whether `buf[start:end]` is the name of `length` bytes from the word `at`."""
    if end - start != length:
        return False
    name = words.view(np.uint8)[at * 8 : at * 8 + length]
    same = True
    for i in range(length):
        same = same and buf[start + i] == name[i]
    return same


@njit(f"int64({_INTS}, {_BYTES}, int64, int64)", cache=True, nogil=True, _nrt=False)
def find_session(inputs, buf, start, end):
    """Address of the session whose SenderCompID is in `buf[start:end]`; 0 if there is none."""
    table = word_array(inputs[P.IN_SESSIONS], inputs[P.IN_N_SESSIONS])
    last = len(table) - 1
    at = hash_bytes(buf, start, end) & last
    while table[at] != 0:
        session = word_array(table[at], P.SESSION_WORDS)
        if is_name(buf, start, end, session, P.SESSION_SENDER, session[P.SESSION_SENDER_LENGTH]):
            return table[at]
        at = (at + 1) & last
    return 0


@njit(f"int64({_INTS}, {_BYTES}, int64, int64)", cache=True, nogil=True, _nrt=False)
def find_row(inputs, buf, start, end):
    """Row of the quoted instrument whose Symbol is in `buf[start:end]`; -1 if there is none."""
    table = word_array(inputs[P.IN_SYMBOLS], inputs[P.IN_N_SYMBOLS])
    instruments = word_array2(inputs[P.IN_INSTRUMENTS], inputs[P.IN_N_INSTRUMENTS], P.INSTRUMENT_WORDS)
    last = len(table) - 1
    at = hash_bytes(buf, start, end) & last
    while table[at] != 0:
        row = table[at] - 1
        instrument = instruments[row]
        if is_name(buf, start, end, instrument, P.INSTRUMENT_NAME, instrument[P.INSTRUMENT_NAME_LENGTH]):
            return row
        at = (at + 1) & last
    return -1


@njit(f"boolean({_INTS}, int64, int64)", cache=True, nogil=True, _nrt=False)
def _is_open(inputs, row, client):
    """Whether the desk quotes this instrument to this client, by controls that the handler has applied."""
    handler = word_array(inputs[P.IN_HANDLER], P.HANDLER_WORDS)
    controls = word_array(inputs[P.IN_CONTROLS], inputs[P.IN_N_CONTROLS])
    at = C.HEADER_WORDS + row * C.INSTRUMENT_WORDS
    return (
        handler[P.HANDLER_STOPPING] == 0
        and handler[P.HANDLER_CONTROLS] == controls[C.H_GENERATION]
        and controls[C.H_STOPPED_NS] == 0
        and controls[at + C.I_STOPPED_NS] == 0
        and controls[inputs[P.IN_CONTROLS_CLIENTS] + client * C.CLIENT_WORDS + C.C_STOPPED_NS] == 0
        and controls[at + C.I_HELD_STATE] != MARKET_CLOSED
    )


@njit(f"int64({_INTS}, {_INTS}, int64, int64)", cache=True, nogil=True, _nrt=False)
def _forced_model(inputs, controls, row, client):
    """As `quotelife.controls.region.Controls.forced_model`, for one instrument."""
    if controls[C.H_MODEL] != C.BY_RULES:
        return controls[C.H_MODEL]
    model = controls[C.HEADER_WORDS + row * C.INSTRUMENT_WORDS + C.I_MODEL]
    if model != C.BY_RULES:
        return model
    return controls[inputs[P.IN_CONTROLS_CLIENTS] + client * C.CLIENT_WORDS + C.C_MODEL]


@njit("float64(int64, int64)", cache=True, nogil=True, _nrt=False)
def allowance_after(address, now_ns):
    """Requests that the client may still make after one at `now_ns` (monotonic); below 0 if it may not make it."""
    words, floats = word_array(address, A.ALLOWANCE_WORDS), float_array(address, A.ALLOWANCE_WORDS)
    refill = (now_ns - words[A.ALLOWANCE_REFILLED_NS]) * floats[A.ALLOWANCE_PER_SECOND] / NS_PER_S
    return min(floats[A.ALLOWANCE_REQUESTS] + refill, floats[A.ALLOWANCE_MAX_REQUESTS]) - 1.0


@njit("void(int64, int64, float64)", cache=True, nogil=True, _nrt=False)
def use_allowance(address, now_ns, left):
    """Count a request; `left` is what `allowance_after` has said."""
    word_array(address, A.ALLOWANCE_WORDS)[A.ALLOWANCE_REFILLED_NS] = now_ns
    float_array(address, A.ALLOWANCE_WORDS)[A.ALLOWANCE_REQUESTS] = left


@njit("boolean(int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def _is_within_position(side, position, lots, limit):
    if side != SELL and position - lots < -limit:
        return False
    return side == BUY or position + lots <= limit


@njit(f"int64({_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def check_id(inputs, key):
    """OK for a QuoteReqID that is new, by its key."""
    seen = word_array(inputs[P.IN_SEEN], SEEN_HELD + 1)
    if is_seen(seen, key):
        return P.DECLINED
    return OK if has_room(seen) else P.NEEDS_ROOM


@njit(f"int64({_INTS}, {_INTS}, {_BYTES}, {_INTS}, int64, int64)", cache=True, nogil=True, _nrt=False)
def check_request(inputs, session, buf, fields, wall_ns, mono_ns):
    """OK where the request may be decided: the decision's inputs are filled then, but for the addresses of what all
    sessions share. Otherwise DECLINED or NEEDS_."""
    row = find_row(inputs, buf, fields[P.FIELD_SYMBOL], fields[P.FIELD_SYMBOL + 1])
    if row < 0 or session[P.SESSION_IS_LIMITED] != 0 or not _is_open(inputs, row, session[P.SESSION_CLIENT]):
        return P.DECLINED
    inputs[P.OUT_ROW] = row
    pair_address = word_array(session[P.SESSION_PAIRS], inputs[P.IN_N_INSTRUMENTS])[row]
    if pair_address == 0:
        return P.NEEDS_PAIR
    pair = word_array(pair_address, P.PAIR_WORDS)
    instrument = word_array2(inputs[P.IN_INSTRUMENTS], inputs[P.IN_N_INSTRUMENTS], P.INSTRUMENT_WORDS)[row]
    if not instrument[P.INSTRUMENT_FROM_NS] <= wall_ns < instrument[P.INSTRUMENT_UNTIL_NS]:
        return P.NEEDS_PHASE
    if instrument[P.INSTRUMENT_PHASE] == PHASE_CLOSED:
        return P.DECLINED
    scratch = word_array(inputs[P.IN_SCRATCH], P.SCRATCH_WORDS)
    lots = exact_units(
        buf, fields[P.FIELD_QUANTITY], fields[P.FIELD_QUANTITY + 1], instrument[P.INSTRUMENT_LOT_UNIT],
        instrument[P.INSTRUMENT_LOT_DECIMALS], scratch[P.SCRATCH_TIME :],
    )  # fmt: skip
    if lots <= 0 or lots > pair[P.PAIR_MAX_LOTS]:
        return P.DECLINED
    side = np.int64(buf[fields[P.FIELD_SIDE]]) - _ONE + BUY if fields[P.FIELD_SIDE] != 0 else TWO_WAY
    position = word_array(inputs[P.IN_LOTS], inputs[P.IN_N_INSTRUMENTS])[row]
    if not _is_within_position(side, position, lots, instrument[P.INSTRUMENT_MAX_POSITION_LOTS]):
        return P.DECLINED
    decision = word_array(session[P.SESSION_DECISION], K.INPUT_WORDS)
    for i in range(P.TERMS_WORDS):
        decision[K.IN_TERMS + i] = pair[P.PAIR_TERMS + i]
    request = word_array(decision[K.IN_REQUEST], K.REQUEST_WORDS)
    controls = word_array(inputs[P.IN_CONTROLS], inputs[P.IN_N_CONTROLS])
    request[K.REQUEST_NOW_NS] = mono_ns
    request[K.REQUEST_ROW] = row
    request[K.REQUEST_SIDE] = side
    request[K.REQUEST_SIZE_LOTS] = lots
    request[K.REQUEST_LEGS] = 1
    request[K.REQUEST_PHASE] = instrument[P.INSTRUMENT_PHASE]
    request[K.REQUEST_MODEL] = _forced_model(inputs, controls, row, session[P.SESSION_CLIENT])
    request[K.REQUEST_POSITION_LOTS] = position
    request[K.REQUEST_PARAMETERS] = instrument[P.INSTRUMENT_PARAMETERS]
    request[K.REQUEST_CLIENT_LIMIT_NS] = K.NO_LIMIT
    request[K.REQUEST_SESSION_LIMIT_NS] = instrument[P.INSTRUMENT_PHASE_LIMIT_NS]
    request[K.REQUEST_MARKET] = controls[C.HEADER_WORDS + row * C.INSTRUMENT_WORDS + C.I_HELD_STATE]
    return OK
