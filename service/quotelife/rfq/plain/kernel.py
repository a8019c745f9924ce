"""From the bytes of a plain request to those of its Quote in one call, the journal's record included.

    scan        fields of the message
    check       everything for which the general way would refuse it
    decide      the very kernel of the general way
    write       the Quote, then its record
    count       allowance, QuoteReqID, QuoteID and, WIRE, sequence numbers

Up to the record nothing has an effect, so a request that is declined anywhere is the general way's, as if nobody had
seen it. From the record on nothing fails.
"""

import numpy as np
from numba import njit

from quotelife.controls.layout import BY_RULES, DERIVED
from quotelife.decision import kernel as K
from quotelife.fix.session import EXPECTED, NEXT_OUT, SEQUENCE_WORDS
from quotelife.journal import layout as J
from quotelife.journal.ring import append
from quotelife.market.board import layout as L
from quotelife.rfq.message_ids import IDS_NEXT, IDS_PREFIX, IDS_PREFIX_LENGTH, IDS_WORDS
from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain import quote_text as T
from quotelife.rfq.plain.checks import OK, allowance_after, check_id, check_request, find_session, use_allowance
from quotelife.rfq.plain.digest import digest
from quotelife.rfq.plain.journal import fill_ids, fill_quote
from quotelife.rfq.plain.numbers import DECLINED, write_int
from quotelife.rfq.plain.scan import is_in_order, scan
from quotelife.rfq.plain.wire import first_message, is_next
from quotelife.rfq.seen_request_ids import SEEN_HELD, hold, request_key
from quotelife.shm.arrays import byte_array, word_array, word_array2
from quotelife.shm.clocks import MONOTONIC, clock_ns
from quotelife.shm.layout import WORD_BYTES
from quotelife_models.enums import BUY, SELL

_N_SHARED = K.IN_POLICIES + 1  # words of the decision's inputs that all sessions share
_US = 1_000
_Q, _DASH = 81, 45
_INTS, _BYTES = "int64[::1]", "uint8[::1]"


@njit(f"boolean({_INTS}, {_INTS}, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _decide(inputs, session, record, wall_ns):
    """Whether there is a quote; its prices and its life are in the record then."""
    decision = word_array(session[P.SESSION_DECISION], K.INPUT_WORDS)
    for i in range(_N_SHARED):
        decision[i] = inputs[i]
    if K.decide_from_board(session[P.SESSION_DECISION]) != L.STATUS_OK or record[J.LIFETIME_NS] <= 0:
        return False
    side = word_array(decision[K.IN_REQUEST], K.REQUEST_WORDS)[K.REQUEST_SIDE]
    if (side != SELL and record[J.OFFER_PX] <= 0) or (side != BUY and record[J.BID_PX] <= 0):
        return False
    record[J.VALID_UNTIL_NS] = (wall_ns + record[J.LIFETIME_NS]) // _US * _US
    return True


@njit(f"int64({_BYTES}, {_INTS})", cache=True, nogil=True, _nrt=False)
def _write_quote_id(out, ids):
    """The next QuoteID; returns its length."""
    prefix = ids.view(np.uint8)[IDS_PREFIX * WORD_BYTES :]
    length = ids[IDS_PREFIX_LENGTH]
    out[0] = _Q
    for i in range(length):
        out[1 + i] = prefix[i]
    out[1 + length] = _DASH
    return write_int(out, 2 + length, ids[IDS_NEXT])


@njit(f"int64({_INTS})", cache=True, nogil=True, _nrt=False)
def _by_desk(request):
    """Flags of what the desk's controls have set of a plain request, which itself names no model."""
    flags = J.MODEL_FORCED if request[K.REQUEST_MODEL] != BY_RULES else 0
    return flags | (J.STATE_HELD if request[K.REQUEST_MARKET] != DERIVED else 0)


@njit(f"void({_INTS}, {_INTS}, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _fill_texts(quote, fields, instrument, quote_id_end):
    """Fill quote int64[QUOTE_WORDS] of `quote_text`."""
    quote[T.QUOTE_UNIT] = instrument[P.INSTRUMENT_TICK_UNIT]
    quote[T.QUOTE_DECIMALS] = instrument[P.INSTRUMENT_TICK_DECIMALS]
    quote[T.QUOTE_SYMBOL], quote[T.QUOTE_SYMBOL_END] = fields[P.FIELD_SYMBOL], fields[P.FIELD_SYMBOL + 1]
    quote[T.QUOTE_REQUEST_ID] = fields[P.FIELD_REQUEST_ID]
    quote[T.QUOTE_REQUEST_ID_END] = fields[P.FIELD_REQUEST_ID + 1]
    quote[T.QUOTE_QUANTITY], quote[T.QUOTE_QUANTITY_END] = fields[P.FIELD_QUANTITY], fields[P.FIELD_QUANTITY + 1]
    quote[T.QUOTE_ID], quote[T.QUOTE_ID_END] = 0, quote_id_end


@njit(f"boolean({_INTS}, {_BYTES}, {_INTS})", cache=True, nogil=True, _nrt=False)
def _keep_quantity(session, buf, fields):
    """Whether OrderQty as it was requested is short enough to be a result."""
    start, length = fields[P.FIELD_QUANTITY], fields[P.FIELD_QUANTITY + 1] - fields[P.FIELD_QUANTITY]
    if length > P.QUANTITY_WORDS * WORD_BYTES:
        return False
    text = session.view(np.uint8)[P.RESULT_QUANTITY * WORD_BYTES :]
    for i in range(length):
        text[i] = buf[start + i]
    session[P.RESULT_QUANTITY_LENGTH] = length
    return True


@njit(f"int64({_INTS}, {_INTS}, {_BYTES}, {_INTS}, {_INTS}, int64)", cache=True, nogil=True, _nrt=False)
def _write(inputs, session, buf, record, quote, wall_ns):
    """Write the Quote; returns its length, or DECLINED of `numbers`."""
    out = byte_array(session[P.SESSION_OUT], P.OUT_BYTES)
    heads = byte_array(session[P.SESSION_HEADS], session[P.SESSION_N_HEADS])
    form = word_array(session[P.SESSION_FORM], T.FORM_WORDS)
    scratch = word_array(inputs[P.IN_SCRATCH], P.SCRATCH_WORDS)
    quote_id = scratch.view(np.uint8)[P.SCRATCH_QUOTE_ID * WORD_BYTES : P.SCRATCH_FRAME * WORD_BYTES]
    if session[P.SESSION_SEQUENCE] == 0:
        return T.write_text(out, heads, form, record, buf, quote, quote_id)
    number = word_array(session[P.SESSION_SEQUENCE], SEQUENCE_WORDS)[NEXT_OUT]
    return T.write_wire(out, heads, form, record, buf, quote, quote_id, number, wall_ns)


@njit(f"int64({_INTS}, {_INTS}, {_BYTES}, {_INTS}, int64, int64)", cache=True, nogil=True, _nrt=False)
def _answer(inputs, session, buf, fields, wall_ns, mono_ns):
    """Answer a plain request of a session; see `answer_text`."""
    scratch = word_array(inputs[P.IN_SCRATCH], P.SCRATCH_WORDS)
    time = inputs[P.IN_SCRATCH] + P.SCRATCH_TIME * WORD_BYTES
    inputs[P.OUT_SESSION] = session[P.SESSION_NUMBER]
    if session[P.RESULT_IS_PENDING] != 0:  # its record, still to be read, would be overwritten
        return P.DECLINED
    key = request_key(
        buf, fields[P.FIELD_REQUEST_ID], fields[P.FIELD_REQUEST_ID + 1], session[P.SESSION_KEY],
        session[P.SESSION_KEY_2],
    )  # fmt: skip
    allowance = allowance_after(session[P.SESSION_ALLOWANCE], mono_ns)
    if allowance < 0.0 or not _keep_quantity(session, buf, fields):
        return P.DECLINED
    status = check_id(inputs, key)
    if status == OK:
        status = check_request(inputs, session, buf, fields, wall_ns, mono_ns)
    if status != OK:
        return status
    parsed_ns = clock_ns(np.int32(MONOTONIC), time)
    record = word_array(session[P.SESSION_RECORD], J.RECORD_WORDS)
    if not _decide(inputs, session, record, wall_ns):
        return P.DECLINED
    decision = word_array(session[P.SESSION_DECISION], K.INPUT_WORDS)
    request = word_array(decision[K.IN_REQUEST], K.REQUEST_WORDS)
    ids = word_array(inputs[P.IN_IDS], IDS_WORDS)
    quote_id = scratch.view(np.uint8)[P.SCRATCH_QUOTE_ID * WORD_BYTES : P.SCRATCH_FRAME * WORD_BYTES]
    quote_id_end = _write_quote_id(quote_id, ids)
    instruments = word_array2(inputs[P.IN_INSTRUMENTS], inputs[P.IN_N_INSTRUMENTS], P.INSTRUMENT_WORDS)
    quote = scratch[P.SCRATCH_QUOTE : P.SCRATCH_QUOTE_ID]
    _fill_texts(quote, fields, instruments[request[K.REQUEST_ROW]], quote_id_end)
    hashes = word_array(inputs[P.IN_HASHES], 2)
    fill_quote(
        record, _by_desk(request), wall_ns, mono_ns, request[K.REQUEST_ROW], session[P.SESSION_CLIENT],
        session[P.SESSION_NUMBER], request[K.REQUEST_SIDE], record[J.VALID_UNTIL_NS], request[K.REQUEST_SIZE_LOTS], 0,
        hashes[0], hashes[1], digest(buf, fields[P.FIELD_BODY], fields[P.FIELD_BODY_END]),
    )  # fmt: skip
    fill_ids(
        record, quote_id, 0, quote_id_end, buf, fields[P.FIELD_REQUEST_ID], fields[P.FIELD_REQUEST_ID + 1]
    )  # fmt: skip
    length = _write(inputs, session, buf, record, quote, wall_ns)
    if length == DECLINED:
        return P.DECLINED
    decided_ns = clock_ns(np.int32(MONOTONIC), time)
    record[J.DECIDED_NS] = decided_ns - parsed_ns
    if inputs[P.IN_SLOTS] != 0:
        header = word_array(inputs[P.IN_JOURNAL], J.HEADER_WORDS)
        append(header, word_array2(inputs[P.IN_SLOTS], inputs[P.IN_N_SLOTS], J.RECORD_WORDS), record)
    use_allowance(session[P.SESSION_ALLOWANCE], mono_ns, allowance)
    hold(word_array(inputs[P.IN_SEEN], SEEN_HELD + 1), key)
    ids[IDS_NEXT] += 1
    session[P.RESULT_LENGTH], session[P.RESULT_IS_PENDING] = length, 1
    session[P.RESULT_PARSED_NS], session[P.RESULT_DECIDED_NS] = parsed_ns, decided_ns
    return length


@njit("int64(int64, int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def answer_text(inputs_address, address, length, wall_ns, mono_ns):
    """Answer a message's text as an engine hands it on, `length` bytes at `address`.

    Returns the length of the Quote's text in the session's out bytes, and the session's number in OUT_SESSION; DECLINED
    or NEEDS_ without any effect.
    """
    inputs = word_array(inputs_address, P.INPUT_WORDS)
    fields = word_array(inputs[P.IN_SCRATCH], P.FIELD_WORDS)
    buf = byte_array(address, length)
    if not scan(buf, 0, length, fields) or fields[P.FIELD_BODY] <= fields[P.FIELD_TARGET]:
        return P.DECLINED
    if fields[P.FIELD_TARGET + 1] + 1 != fields[P.FIELD_BODY]:  # otherwise the general way digests another body
        return P.DECLINED
    address = find_session(inputs, buf, fields[P.FIELD_SENDER], fields[P.FIELD_SENDER + 1])
    if address == 0:
        return P.DECLINED
    session = word_array(address, P.SESSION_WORDS)
    if session[P.SESSION_SEQUENCE] != 0:  # its Quotes are bytes
        return P.DECLINED
    return _answer(inputs, session, buf, fields, wall_ns, mono_ns)


@njit("int64(int64, int64, int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def answer_wire(inputs_address, session_address, address, available, wall_ns, mono_ns):
    """Answer the message with which the `available` bytes at `address` begin, which its session's client has sent.

    Returns the length of the Quote's bytes in the session's out bytes, and in RESULT_CONSUMED that of the message; both
    are counted in the sequence. DECLINED or NEEDS_ without any effect.
    """
    inputs = word_array(inputs_address, P.INPUT_WORDS)
    session = word_array(session_address, P.SESSION_WORDS)
    scratch = word_array(inputs[P.IN_SCRATCH], P.SCRATCH_WORDS)
    fields = scratch[P.SCRATCH_FIELDS : P.SCRATCH_QUOTE]
    buf = byte_array(address, available)
    if available == 0 or session[P.SESSION_SEQUENCE] == 0:
        return P.DECLINED
    sequence = word_array(session[P.SESSION_SEQUENCE], SEQUENCE_WORDS)
    end = first_message(buf, scratch)
    if end == 0 or not scan(buf, 0, end, fields) or not is_in_order(fields):
        return P.DECLINED
    if not is_next(buf, fields, session, sequence):
        return P.DECLINED
    length = _answer(inputs, session, buf, fields, wall_ns, mono_ns)
    if length > 0:
        sequence[EXPECTED] += 1
        sequence[NEXT_OUT] += 1
        session[P.RESULT_CONSUMED] = end
    return length
