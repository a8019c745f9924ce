"""Finds the fields of a plain request: one symbol, a side, a quantity, and the header that every message has.

TransactTime (60), which many clients send, changes nothing. Any other field makes a message one for the general way. So
does whatever is wrong with one: a second value, an empty one, bytes that are no printable ASCII.
"""

from numba import njit

from quotelife.rfq.plain import layout as P

_SOH, _EQUALS, _ZERO = 1, 61, 48
_MAX_TAG_DIGITS = 3
_FIRST, _LAST = 32, 126  # printable
_MAX_ID = 64  # characters of a QuoteReqID, as in `quotelife.rfq.quote_request`
_R, _ONE = 82, 49


@njit("int64(int64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def _word_of(tag):
    """The word of a field, -1 for one that is not plain."""
    if tag == 55:
        return P.FIELD_SYMBOL
    if tag == 54:
        return P.FIELD_SIDE
    if tag == 38:
        return P.FIELD_QUANTITY
    if tag == 131:
        return P.FIELD_REQUEST_ID
    if tag == 146:
        return P.FIELD_RELATED
    if tag == 8:
        return P.FIELD_BEGIN_STRING
    if tag == 9:
        return P.FIELD_BODY_LENGTH
    if tag == 35:
        return P.FIELD_MSG_TYPE
    if tag == 49:
        return P.FIELD_SENDER
    if tag == 56:
        return P.FIELD_TARGET
    if tag == 34:
        return P.FIELD_SEQ_NUM
    if tag == 52:
        return P.FIELD_SENDING_TIME
    if tag == 60:
        return P.FIELD_TRANSACT_TIME
    return P.FIELD_CHECK_SUM if tag == 10 else -1


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def _end_of_value(buf, pos, end):
    """Position of the SOH behind a value, -1 if it is empty, has no end or is not printable."""
    start = pos
    while pos < end and buf[pos] != _SOH:
        if buf[pos] < _FIRST or buf[pos] > _LAST:
            return -1
        pos += 1
    return pos if start < pos < end else -1


@njit("boolean(uint8[::1], int64[::1])", cache=True, nogil=True, _nrt=False)
def _is_plain(buf, fields):
    """Whether all fields are there that have to be, with values that do not depend on the desk."""
    for word in range(0, P.FIELD_BODY, 2):
        if fields[word + 1] == 0 and word != P.FIELD_SIDE and word != P.FIELD_TRANSACT_TIME:
            return False
    related, msg_type = fields[P.FIELD_RELATED], fields[P.FIELD_MSG_TYPE]
    side = fields[P.FIELD_SIDE]
    if fields[P.FIELD_RELATED + 1] - related != 1 or buf[related] != _ONE:
        return False
    if fields[P.FIELD_MSG_TYPE + 1] - msg_type != 1 or buf[msg_type] != _R:
        return False
    length = fields[P.FIELD_BODY_LENGTH]
    if length != fields[P.FIELD_BEGIN_STRING + 1] + 3 or msg_type != fields[P.FIELD_BODY_LENGTH + 1] + 4:
        return False  # a message that does not begin with 8, 9 and 35 is ignored
    if side != 0 and (fields[P.FIELD_SIDE + 1] - side != 1 or buf[side] < _ONE or buf[side] > _ONE + 1):
        return False
    return fields[P.FIELD_REQUEST_ID + 1] - fields[P.FIELD_REQUEST_ID] <= _MAX_ID


@njit("boolean(uint8[::1], int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def scan(buf, start, end, fields):
    """Whether `buf[start:end]` is one plain request; then fields int64[FIELD_WORDS] says where its fields are.

    Its header comes before its body, and CheckSum (10) last. The values of the header are not checked.
    """
    fields[:] = 0
    pos = start
    while pos < end:
        tag, digits = 0, 0
        while pos < end and buf[pos] != _EQUALS:
            digit = int(buf[pos]) - _ZERO
            if digit < 0 or digit > 9 or digits == _MAX_TAG_DIGITS or (digits == 0 and digit == 0):
                return False
            tag = 10 * tag + digit
            digits += 1
            pos += 1
        word = _word_of(tag)
        if word < 0 or fields[word + 1] != 0 or fields[P.FIELD_CHECK_SUM + 1] != 0:
            return False
        if word >= P.FIELD_REQUEST_ID and word != P.FIELD_CHECK_SUM:
            if fields[P.FIELD_BODY] == 0:
                fields[P.FIELD_BODY] = pos - digits
        elif word != P.FIELD_CHECK_SUM and fields[P.FIELD_BODY] != 0:
            return False
        if word == P.FIELD_CHECK_SUM:
            fields[P.FIELD_BODY_END] = pos - digits
        value_end = _end_of_value(buf, pos + 1, end)
        if value_end < 0:
            return False
        fields[word], fields[word + 1] = pos + 1, value_end
        pos = value_end + 1
    return _is_plain(buf, fields)


@njit("boolean(int64[::1])", cache=True, nogil=True, _nrt=False)
def is_in_order(fields):
    """Whether the body of a client's message stands in the order into which the engine puts it: then the general way
    digests the same bytes."""
    last = fields[P.FIELD_REQUEST_ID]
    for word in (P.FIELD_RELATED, P.FIELD_SYMBOL, P.FIELD_SIDE, P.FIELD_QUANTITY, P.FIELD_TRANSACT_TIME):
        if fields[word] != 0:
            if fields[word] < last:
                return False
            last = fields[word]
    return True
