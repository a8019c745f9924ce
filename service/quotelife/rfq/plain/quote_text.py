"""The text of a plain request's Quote (S) in a kernel, field for field as the general way writes it.

`write_text` writes what `quotelife.rfq.messages.quote` and the session's translation write, for an engine that sets the
header; `write_wire` writes the bytes that such an engine sends. What a session's Quotes have in common is prepared in a
`QuoteForm`; prices, model and probabilities are read from the journal record of the quote.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from quotelife.fix.versions import FIX42, Version
from quotelife.journal import layout as J
from quotelife.rfq.plain.numbers import (
    DECLINED,
    count_digits,
    write_digits,
    write_int,
    write_probability,
    write_units,
    write_utc_timestamp,
)
from quotelife_models import decide as D
from quotelife_models.enums import BUY, MODELS, SELL, TWO_WAY
from quotelife_models.reasons import REASONS

# What a session's Quotes have in common, int64[FORM_WORDS]: HAS_ flags, and where the parts of their heads end.
FORM_FLAGS, FORM_TEXT_END, FORM_LENGTH_END, FORM_SEQ_NUM_END, FORM_SENDER_END, FORM_TARGET_END = range(6)
FORM_WORDS = 6
HAS_SIDE_AND_TYPE, HAS_EXTENSIONS, HAS_REASONS = 1, 2, 4  # fields 54 and 537; 20004; 20001, 20002, 20003 and 20005

# One quote beside its record, int64[QUOTE_WORDS]: the grid of its prices, and where its texts are: those of the request
# in the received message, QuoteID in an array of its own.
(
    QUOTE_UNIT,
    QUOTE_DECIMALS,
    QUOTE_SYMBOL,
    QUOTE_SYMBOL_END,
    QUOTE_REQUEST_ID,
    QUOTE_REQUEST_ID_END,
    QUOTE_QUANTITY,
    QUOTE_QUANTITY_END,
    QUOTE_ID,
    QUOTE_ID_END,
) = range(10)
QUOTE_WORDS = 10

MAX_FIXED = 512  # bytes of a Quote beside its head and the texts of its request
_LABEL_BYTES = 8
_LENGTH_DIGITS = 3  # of BodyLength: no Quote has less than 100 bytes, and one of more than 999 is declined

_I, _WORDS, _BYTES = types.int64, types.Array(types.int64, 1, "C"), types.Array(types.uint8, 1, "C")
_READ_ONLY = types.Array(types.uint8, 1, "C", readonly=True)


def _label(text: str) -> np.uint64:
    """`text` as a word of eight bytes, for `_write_label`."""
    return np.uint64(int.from_bytes(text.encode().ljust(_LABEL_BYTES, b"\0"), "little"))


def _texts(texts: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all texts, and where each begins, with the end of the last."""
    ends = np.cumsum([0] + [len(text) for text in texts])
    return np.frombuffer("".join(texts).encode(), np.uint8).copy(), ends


_SIDE, _SYMBOL, _TRANSACT, _UNTIL = (_label(f"{tag}=") for tag in (54, 55, 60, 62))
_QUOTE_ID, _REQUEST_ID, _BID, _OFFER, _BID_SIZE, _OFFER_SIZE = (
    _label(f"\x01{tag}=") for tag in (117, 131, 132, 133, 134, 135)
)
_QUOTE_TYPE = _label("\x01537=1")
_MODEL, _MOVE, _REASON, _LIFETIME, _PICK_OFF = (_label(f"\x01{tag}=") for tag in range(20001, 20006))
_CHECK_SUM, _NO_CHECK_SUM = _label("10="), _label("10=000\x01")
_MODEL_TEXTS, _MODEL_AT = _texts(tuple(name.upper() for name in MODELS))
_REASON_TEXTS, _REASON_AT = _texts(REASONS)


class QuoteForm(NamedTuple):
    """What the Quotes of a session have in common: the parts of their heads, uint8[n], and int64[FORM_WORDS]."""

    heads: NDArray[np.uint8]
    words: NDArray[np.int64]

    @classmethod
    def of(cls, version: Version, extensions: bool, disclose: bool, sender: str, target: str) -> "QuoteForm":
        """For a session of this version, whose client has agreed on `extensions` and is to get the reasons for its
        lifetimes if they are to be disclosed. The header has no other fields than those that every message has."""
        flags = (HAS_SIDE_AND_TYPE if version is not FIX42 else 0) | (HAS_EXTENSIONS if extensions else 0)
        flags |= HAS_REASONS if extensions and disclose else 0
        begin = f"8={version.begin_string}\x019="
        parts = (
            f"{begin}0\x0135=S\x01",
            begin,
            "\x0135=S\x0134=",
            f"\x0149={sender}\x0152=",
            f"\x0156={target}\x01",
        )
        ends = np.cumsum([len(part.encode()) for part in parts])
        heads = np.frombuffer("".join(parts).encode(), np.uint8).copy()
        return cls(heads, np.array([flags, *ends], np.int64))


@njit(types.int64(_BYTES, _I, types.uint64, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _write_label(out, pos, label, n):
    """The first `n` bytes of a label. All eight are stored, which is one instruction."""
    at = np.uint64(pos)
    for i in range(_LABEL_BYTES):
        out[at + np.uint64(i)] = label >> np.uint64(8 * i) & np.uint64(255)
    return pos + n


@njit([_I(_BYTES, _I, _BYTES, _I, _I), _I(_BYTES, _I, _READ_ONLY, _I, _I)], cache=True, nogil=True, _nrt=False)
def _copy(out, pos, source, start, end):
    for i in range(end - start):
        out[pos + i] = source[start + i]
    return pos + end - start


@njit(_I(_BYTES, _I, _WORDS, _BYTES, _WORDS, _I), cache=True, nogil=True, _nrt=False)
def _write_prices(out, pos, record, message, quote, side):
    """Prices (132, 133) and sizes (134, 135) of the quoted sides; DECLINED for a price out of range."""
    unit, decimals = quote[QUOTE_UNIT], quote[QUOTE_DECIMALS]
    if side != BUY:
        pos = write_units(out, _write_label(out, pos, _BID, 5), record[J.BID_PX], unit, decimals)
        if pos < 0:
            return DECLINED
    if side != SELL:
        pos = write_units(out, _write_label(out, pos, _OFFER, 5), record[J.OFFER_PX], unit, decimals)
        if pos < 0:
            return DECLINED
    start, end = quote[QUOTE_QUANTITY], quote[QUOTE_QUANTITY_END]
    if side != BUY:
        pos = _copy(out, _write_label(out, pos, _BID_SIZE, 5), message, start, end)
    if side != SELL:
        pos = _copy(out, _write_label(out, pos, _OFFER_SIZE, 5), message, start, end)
    return pos


@njit(_I(_WORDS, _I), cache=True, nogil=True, _nrt=False)
def _decisive(record, side):
    """Word of the decision that gives the reason: that of the shorter lifetime, as `read_result` has it."""
    x = record.view(np.float64)
    bid_ns, offer_ns = x[J.BID_DECISION + D.OUT_LIFETIME_NS], x[J.OFFER_DECISION + D.OUT_LIFETIME_NS]
    return J.BID_DECISION if side == SELL or (side == TWO_WAY and bid_ns <= offer_ns) else J.OFFER_DECISION


@njit(_I(_WORDS, _I, _I), cache=True, nogil=True, _nrt=False)
def _of_quoted_sides(record, side, word):
    """A probability of the quoted side, of a two-way quote the larger one, as the bits of its word."""
    x = record.view(np.float64)
    if side == BUY or (side == TWO_WAY and x[J.OFFER_DECISION + word] > x[J.BID_DECISION + word]):
        return record[J.OFFER_DECISION + word]
    return record[J.BID_DECISION + word]


@njit(_I(_BYTES, _I, _WORDS, _I), cache=True, nogil=True, _nrt=False)
def _write_reasons(out, pos, record, side):
    """20001, 20002, 20003; DECLINED for what is no model, probability or reason."""
    model = record[J.MODEL]
    reason = np.int64(record.view(np.float64)[_decisive(record, side) + D.OUT_REASON])
    if not (0 <= model < len(MODELS) and 0 <= reason < len(REASONS)):
        return DECLINED
    pos = _copy(out, _write_label(out, pos, _MODEL, 7), _MODEL_TEXTS, _MODEL_AT[model], _MODEL_AT[model + 1])
    move = _of_quoted_sides(record, side, D.OUT_P_ONE_TICK)
    pos = write_probability(out, _write_label(out, pos, _MOVE, 7), move)
    if pos < 0:
        return DECLINED
    pos = _write_label(out, pos, _REASON, 7)
    return _copy(out, pos, _REASON_TEXTS, _REASON_AT[reason], _REASON_AT[reason + 1])


@njit(_I(_BYTES, _I, _WORDS, _WORDS, _I), cache=True, nogil=True, _nrt=False)
def _write_extensions(out, pos, record, form, side):
    """20001 to 20005, as far as the session gets them; DECLINED for what is none of their values."""
    flags = form[FORM_FLAGS]
    if flags & HAS_REASONS:
        pos = _write_reasons(out, pos, record, side)
        if pos < 0:
            return DECLINED
    if flags & HAS_EXTENSIONS:
        lifetime_us = record[J.VALID_UNTIL_NS] // 1000 - record[J.WALL_NS] // 1000
        pos = write_int(out, _write_label(out, pos, _LIFETIME, 7), lifetime_us)
    if flags & HAS_REASONS:
        pick_off = _of_quoted_sides(record, side, D.OUT_P_PICK_OFF)
        pos = write_probability(out, _write_label(out, pos, _PICK_OFF, 7), pick_off)
    return pos


@njit(_I(_BYTES, _I, _WORDS, _WORDS, _BYTES, _WORDS, _BYTES), cache=True, nogil=True, _nrt=False)
def _write_body(out, pos, form, record, message, quote, quote_ids):
    """The fields of the body, in ascending order; DECLINED for a number that cannot be written."""
    side, flags = record[J.SIDE], form[FORM_FLAGS]
    if record[J.WALL_NS] < 0 or record[J.VALID_UNTIL_NS] < 0:
        return DECLINED
    if side != TWO_WAY and flags & HAS_SIDE_AND_TYPE:
        pos = write_digits(out, _write_label(out, pos, _SIDE, 3), side, 1)
        out[pos] = 1
        pos += 1
    pos = _copy(out, _write_label(out, pos, _SYMBOL, 3), message, quote[QUOTE_SYMBOL], quote[QUOTE_SYMBOL_END])
    out[pos] = 1
    pos = write_utc_timestamp(out, _write_label(out, pos + 1, _TRANSACT, 3), record[J.WALL_NS])
    out[pos] = 1
    pos = write_utc_timestamp(out, _write_label(out, pos + 1, _UNTIL, 3), record[J.VALID_UNTIL_NS])
    pos = _copy(out, _write_label(out, pos, _QUOTE_ID, 5), quote_ids, quote[QUOTE_ID], quote[QUOTE_ID_END])
    start, end = quote[QUOTE_REQUEST_ID], quote[QUOTE_REQUEST_ID_END]
    pos = _copy(out, _write_label(out, pos, _REQUEST_ID, 5), message, start, end)
    pos = _write_prices(out, pos, record, message, quote, side)
    if pos < 0:
        return DECLINED
    if flags & HAS_SIDE_AND_TYPE:
        pos = _write_label(out, pos, _QUOTE_TYPE, 6)
    if flags & HAS_EXTENSIONS:
        pos = _write_extensions(out, pos, record, form, side)
        if pos < 0:
            return DECLINED
    out[pos] = 1
    return pos + 1


@njit(_I(_WORDS, _WORDS), cache=True, nogil=True, _nrt=False)
def _room_needed(form, quote):
    """Bytes that a Quote takes at most."""
    texts = quote[QUOTE_SYMBOL_END] - quote[QUOTE_SYMBOL] + quote[QUOTE_REQUEST_ID_END] - quote[QUOTE_REQUEST_ID]
    texts += 2 * (quote[QUOTE_QUANTITY_END] - quote[QUOTE_QUANTITY]) + quote[QUOTE_ID_END] - quote[QUOTE_ID]
    return MAX_FIXED + form[FORM_TARGET_END] + texts


@njit(_I(_BYTES, _BYTES, _WORDS, _WORDS, _BYTES, _WORDS, _BYTES), cache=True, nogil=True, _nrt=False)
def write_text(out, heads, form, record, message, quote, quote_ids):
    """Write the Quote as `messages.quote` and the session's translation do, with the placeholders of 9 and 10.

    `heads` and `form` are those of a QuoteForm; record int64[RECORD_WORDS] is filled, texts aside; quote
    int64[QUOTE_WORDS]. Returns the number of bytes in `out`; DECLINED if it is too small or a number cannot be written.
    """
    if out.shape[0] < _room_needed(form, quote):
        return DECLINED
    pos = _write_body(out, _copy(out, 0, heads, 0, form[FORM_TEXT_END]), form, record, message, quote, quote_ids)
    return DECLINED if pos < 0 else _write_label(out, pos, _NO_CHECK_SUM, 7)


@njit(_I(_BYTES, _BYTES, _WORDS, _WORDS, _BYTES, _WORDS, _BYTES, _I, _I), cache=True, nogil=True, _nrt=False)
def write_wire(out, heads, form, record, message, quote, quote_ids, seq_num, sending_ns):
    """Write the Quote with MsgSeqNum (34) `seq_num` and SendingTime (52) `sending_ns` (wall clock), BodyLength and
    CheckSum, as the engine sends it; otherwise as `write_text`. DECLINED also if BodyLength has not three digits."""
    if out.shape[0] < _room_needed(form, quote) or sending_ns < 0:
        return DECLINED
    length_at = _copy(out, 0, heads, form[FORM_TEXT_END], form[FORM_LENGTH_END])
    body = length_at + _LENGTH_DIGITS + 1
    pos = _copy(out, body - 1, heads, form[FORM_LENGTH_END], form[FORM_SEQ_NUM_END])
    pos = write_digits(out, pos, seq_num, count_digits(seq_num))
    pos = write_utc_timestamp(out, _copy(out, pos, heads, form[FORM_SEQ_NUM_END], form[FORM_SENDER_END]), sending_ns)
    pos = _copy(out, pos, heads, form[FORM_SENDER_END], form[FORM_TARGET_END])
    pos = _write_body(out, pos, form, record, message, quote, quote_ids)
    if pos < 0 or not 100 <= pos - body <= 999:
        return DECLINED
    write_digits(out, length_at, pos - body, _LENGTH_DIGITS)
    total = 0
    for i in range(pos):
        total += int(out[i])
    pos = write_digits(out, _write_label(out, pos, _CHECK_SUM, 3), total & 255, 3)
    out[pos] = 1
    return pos + 1
