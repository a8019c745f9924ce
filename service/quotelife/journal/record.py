"""The decoded journal record: every word of it as an attribute, which sides were decided, and which one is decisive."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.journal import layout as J
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D
from quotelife_models import schema as S
from quotelife_models.enums import BUY
from quotelife_models.reasons import REASONS

_DTYPE = J.RECORD.dtype
_DECIDED = (J.KIND_QUOTE, J.KIND_REJECT, J.KIND_INDICATIVE)


class _Word:
    """An integer word of a record."""

    def __init__(self, at: int) -> None:
        self._at = at

    def __get__(self, record: "Record", owner: type | None = None) -> int:
        return record.memory[self._at]

    def __set__(self, record: "Record", value: int) -> None:
        record.memory[self._at] = value


class _Text:
    """A text of a record, filled with zero bytes; a longer one is cut to what fits."""

    def __init__(self, at: int, n_words: int) -> None:
        self._bytes = slice(at * WORD_BYTES, (at + n_words) * WORD_BYTES)

    def __get__(self, record: "Record", owner: type | None = None) -> str:
        return record.bytes[self._bytes].tobytes().rstrip(b"\0").decode("utf-8", "replace")

    def __set__(self, record: "Record", value: str) -> None:
        size = self._bytes.stop - self._bytes.start
        raw = value.encode("utf-8", "replace")[:size].ljust(size, b"\0")
        record.bytes[self._bytes] = np.frombuffer(raw, np.uint8)


class DecidedSide(NamedTuple):
    """One side of a decision: its name, context float64[N_CONTEXT] and decision float64[OUT_RECORD]."""

    name: str
    context: NDArray[np.float64]
    decision: NDArray[np.float64]

    @property
    def lifetime_ns(self) -> float:
        return float(self.decision[D.OUT_LIFETIME_NS])

    @property
    def reason_index(self) -> int:
        """Into `quotelife_models.reasons.REASONS`."""
        return int(self.decision[D.OUT_REASON])

    @property
    def reason(self) -> str:
        return REASONS[self.reason_index]

    @property
    def one_tick_probability(self) -> float:
        """By the reference horizon."""
        return float(self.decision[D.OUT_P_ONE_TICK])

    @property
    def pick_off_probability(self) -> float:
        """Within the lifetime."""
        return float(self.decision[D.OUT_P_PICK_OFF])


class Record:
    """One record, int64[RECORD_WORDS]. `quotelife.journal.layout` says which attributes a kind has and what they mean.

    Attributes and views read the words when they are asked for: a reader needs few of them, and the quoting process
    fills one record again and again.
    """

    def __init__(self) -> None:
        self.words = np.zeros(J.RECORD_WORDS, np.int64)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Record":
        """A record as `words.tobytes()` has stored it; ValueError for another size."""
        record = cls()
        record.words[:] = np.frombuffer(raw, np.int64)
        return record

    kind = _Word(J.KIND)
    outcome = _Word(J.OUTCOME)
    wall_ns = _Word(J.WALL_NS)
    mono_ns = _Word(J.MONO_NS)
    row = _Word(J.INSTRUMENT)
    client = _Word(J.CLIENT)
    session = _Word(J.SESSION)
    side = _Word(J.SIDE)
    model = _Word(J.MODEL)
    market_state = _Word(J.MARKET_STATE)
    lifetime_ns = _Word(J.LIFETIME_NS)
    valid_until_ns = _Word(J.VALID_UNTIL_NS)
    bid_ticks = _Word(J.BID_PX)
    offer_ticks = _Word(J.OFFER_PX)
    quantity_lots = _Word(J.QUANTITY)
    decision_ns = _Word(J.DECIDED_NS)
    board_change_ns = _Word(J.BOARD_CHANGE_NS)
    min_lots = _Word(J.MIN_QUANTITY)
    quote_id = _Text(J.QUOTE_ID, J.QUOTE_ID_WORDS)
    request_id = _Text(J.REQUEST_ID, J.REQUEST_ID_WORDS)
    digest = _Word(J.DIGEST)
    terms = _Text(J.TERMS, J.TERMS_WORDS)
    leg_ratio = _Word(J.QUANTITY)
    leg_weight = _Word(J.LEG_WEIGHT)
    leg_unit_lots = _Word(J.LEG_UNIT_LOTS)

    reject_text = _Text(J.REJECT_TEXT, J.REJECT_TEXT_WORDS)

    @property
    def elsewhere_ticks(self) -> float:
        """Of a pass: the price that the client names of its deal elsewhere; NaN if it names none."""
        return float(self.contexts[0][J.PASS_PRICE - J.BID_CONTEXT])

    @elsewhere_ticks.setter
    def elsewhere_ticks(self, value: float) -> None:
        self.contexts[0][J.PASS_PRICE - J.BID_CONTEXT] = value

    @property
    def price_ticks(self) -> int:
        """The price of a hit."""
        return self.offer_ticks if self.side == BUY else self.bid_ticks

    @property
    def parameters(self) -> str:
        """The first 16 digits of the hash of the parameters in force."""
        return _digits(self.memory[J.PARAMETERS])

    @property
    def configuration(self) -> str:
        """The same of the configuration in force; 16 zeros where none was named."""
        return _digits(self.memory[J.CONFIGURATION])

    @property
    def is_subscribed(self) -> bool:
        """Of a quote: it was streamed."""
        return bool(self.outcome & J.SUBSCRIBED)

    @property
    def is_model_forced(self) -> bool:
        """Of a quote: the desk had forced its expiry model."""
        return bool(self.outcome & J.MODEL_FORCED)

    @property
    def is_state_held(self) -> bool:
        """Of a quote: the desk held its market state."""
        return bool(self.outcome & J.STATE_HELD)

    @property
    def sides(self) -> list[DecidedSide]:
        """The sides that a model decided, the bid first; none without a model."""
        if self.kind not in _DECIDED or self.model < 0:
            return []
        both = zip(("bid", "offer"), self.contexts, self.decisions, strict=True)
        return [DecidedSide(*side) for side in both if side[1][S.SIDE] != 0.0]

    # --- memory

    @cached_property
    def bytes(self) -> NDArray[np.uint8]:
        return self.words.view(np.uint8)

    @cached_property
    def memory(self) -> "memoryview[int]":
        return self.words.data

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """float64[N_FEATURES]."""
        return self._field("features")

    @cached_property
    def contexts(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the bid, of the offer: float64[N_CONTEXT] each."""
        return self._field("bid_context"), self._field("offer_context")

    @cached_property
    def decisions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the bid, of the offer: float64[OUT_RECORD] each."""
        return self._field("bid_decision"), self._field("offer_decision")

    def _field(self, name: str) -> NDArray[np.float64]:
        field: NDArray[np.float64] = self.words.view(_DTYPE)[name][0]
        return field

    def clear(self) -> None:
        self.words[:] = 0


def _digits(word: int) -> str:
    """The 8 bytes of a hash."""
    return (word & (2**64 - 1)).to_bytes(8, "little").hex()


def decisive_side(sides: list[DecidedSide]) -> DecidedSide:
    """The side with the shorter lifetime, which is that of the quote; ValueError without any side."""
    return min(sides, key=lambda side: side.lifetime_ns)
