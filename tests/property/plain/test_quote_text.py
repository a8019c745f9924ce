"""The kernels that write a Quote against `messages.quote`, the translations, and the bytes that the engine sends."""

import numpy as np
import pytest
import quickfix as fix
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.decision.quoter import QuoteDecision, read_result
from quotelife.decision.request import RelatedSymbol
from quotelife.fix.versions import FIX42, FIX44, FIX50SP2, VERSIONS, Version
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.market.grid import Grid
from quotelife.rfq import messages
from quotelife.rfq.plain import quote_text as Q
from quotelife.rfq.plain.numbers import DECLINED
from quotelife.runtime.clock import utc_timestamp
from quotelife_models import decide as D
from quotelife_models.enums import BUY, MODELS, SELL, TWO_WAY
from quotelife_models.reasons import REASONS

SENDER, TARGET = "QUOTELIFE", "CLIENT-1"
PRINTABLE = [chr(c) for c in range(32, 127)]
IDS = st.text(PRINTABLE, min_size=1, max_size=64)
PROBABILITIES = st.floats(0.0, 1.0).map(abs)
LIFETIMES = st.integers(1, 10**11)
DECISIONS = st.tuples(LIFETIMES, st.integers(0, len(REASONS) - 1), PROBABILITIES, PROBABILITIES)
SESSIONS = [(version, extended, disclosed) for version in VERSIONS.values() for extended in (True, False)
            for disclosed in (True, False)]  # fmt: skip


class Case:
    """One quote: the record as the kernels leave it, and the texts that come from the request."""

    def __init__(self, wall_ns, side, ticks, decisions, model, step, texts) -> None:
        self.wall_ns, self.side, self.step = wall_ns, side, step
        self.symbol, self.request_id, self.quantity, self.quote_id = texts
        self.record = Record()
        words = self.record.words
        words[J.MODEL], words[J.SIDE], words[J.WALL_NS] = model, side, wall_ns
        words[J.BID_PX], words[J.OFFER_PX] = (0 if side == BUY else ticks[0]), (0 if side == SELL else ticks[1])
        for quoted, values, each in zip((side != BUY, side != SELL), self.record.decisions, decisions, strict=True):
            if quoted:
                values[[D.OUT_LIFETIME_NS, D.OUT_REASON, D.OUT_P_ONE_TICK, D.OUT_P_PICK_OFF]] = each
        lifetimes = [each[0] for quoted, each in zip((side != BUY, side != SELL), decisions, strict=True) if quoted]
        words[J.LIFETIME_NS] = min(lifetimes)
        related = RelatedSymbol(self.symbol, side, self.quantity, 0, 1)
        self.decision = QuoteDecision.of(related, read_result(self.record, side), 0, 1, wall_ns)
        words[J.VALID_UNTIL_NS] = self.decision.valid_until_ns

    def expected(self, version: Version, extensions: bool, disclose: bool) -> str:
        """What the general way gives to the engine."""
        grid = Grid(self.step)
        text = messages.quote(
            self.decision, self.quote_id, self.request_id, self.quantity, grid, disclose, self.wall_ns
        )
        translate = version.translation(extensions)
        return text if translate is None else translate(text)

    def arguments(self, form: Q.QuoteForm):
        """Of the kernels, the array that they write to aside."""
        message, places = "8=FIX.4.4\x01", []
        for tag, value in ((131, self.request_id), (55, self.symbol), (38, self.quantity)):
            message += f"{tag}={value}\x01"
            places.append((len(message) - 1 - len(value), len(message) - 1))
        grid = Grid(self.step)
        request_id, symbol, quantity = places
        quote = np.array(
            [grid.unit, grid.decimals, *symbol, *request_id, *quantity, 3, 3 + len(self.quote_id)], np.int64
        )
        received = np.frombuffer(message.encode(), np.uint8).copy()
        ids = np.frombuffer(f"117{self.quote_id}!".encode(), np.uint8).copy()
        return form.heads, form.words, self.record.words, received, quote, ids


CASES = st.builds(
    Case,
    st.integers(0, 4_000_000_000 * 10**9),
    st.sampled_from([BUY, SELL, TWO_WAY]),
    st.tuples(st.integers(1, 10**12), st.integers(1, 10**12)),
    st.tuples(DECISIONS, DECISIONS),
    st.integers(0, len(MODELS) - 1),
    st.sampled_from(["0.01", "1", "0.25", "0.00001", "100", "0.00000001"]),
    st.tuples(IDS, IDS, st.text("0123456789.", min_size=1, max_size=20), st.text(PRINTABLE, min_size=1, max_size=48)),
)


def write(kernel, case: Case, form: Q.QuoteForm, *more) -> str | None:
    """What a kernel writes, None if it declines; it writes nothing behind the array."""
    memory = np.full(2_048, 255, np.uint8)
    end = kernel(memory[:1_536], *case.arguments(form), *more)
    assert set(memory[1_536:]) == {255}
    return None if end == DECLINED else memory[:end].tobytes().decode()


def of(session, sender=SENDER, target=TARGET) -> Q.QuoteForm:
    return Q.QuoteForm.of(*session, sender, target)


def engine_bytes(text: str, seq_num: int, sending_ns: int) -> str:
    """What the engine makes of a text: it sorts the body and writes the header."""
    message = fix.Message(text, False)
    header = message.getHeader()
    for tag, value in ((49, SENDER), (56, TARGET), (34, str(seq_num)), (52, utc_timestamp(sending_ns))):
        header.setField(tag, value)
    return message.toString()


@given(CASES, st.sampled_from(SESSIONS))
@settings(max_examples=500, deadline=None)
def test_text_is_that_of_the_general_way(case, session):
    assert write(Q.write_text, case, of(session)) == case.expected(*session)


@given(CASES, st.sampled_from(SESSIONS), st.integers(1, 10**9), st.integers(0, 4_000_000_000 * 10**9))
@settings(max_examples=500, deadline=None)
def test_bytes_are_those_of_the_engine(case, session, seq_num, sending_ns):
    expected = engine_bytes(case.expected(*session), seq_num, sending_ns)
    assert write(Q.write_wire, case, of(session), seq_num, sending_ns) == expected


def a_case(**changed) -> Case:
    usual = {
        "wall_ns": 1_767_600_000 * 10**9 + 123_456_789,
        "side": TWO_WAY,
        "ticks": (199, 205),
        "decisions": ((750_000_400, 6, 0.25, 0.5), (750_000_401, 3, 0.125, 0.75)),
        "model": 2,
        "step": "0.5",
        "texts": ("EUR/USD", "r-1", "5", "Q1"),
    }
    return Case(**(usual | changed))


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("side", [BUY, SELL, TWO_WAY])
def test_every_version_flag_and_side(session, side):
    case = a_case(side=side)
    assert write(Q.write_text, case, of(session)) == case.expected(*session)
    assert write(Q.write_wire, case, of(session), 7, 10**18) == engine_bytes(case.expected(*session), 7, 10**18)


def test_reason_and_probabilities_of_both_sides():
    """The reason is that of the shorter lifetime, the bid's if they are equal; the larger probabilities count."""
    form = of((FIX44, True, True))
    text = write(Q.write_text, a_case(), form)
    assert (
        "\x0120002=0.250000\x01" in text and f"\x0120003={REASONS[6]}\x01" in text and "\x0120005=0.750000\x01" in text
    )
    equal = a_case(decisions=((5_000_000, 6, 0.25, 0.5), (5_000_000, 3, 0.125, 0.75)))
    assert f"\x0120003={REASONS[6]}\x01" in write(Q.write_text, equal, form)
    later = a_case(decisions=((5_000_001, 6, 0.25, 0.5), (5_000_000, 3, 0.125, 0.75)))
    assert f"\x0120003={REASONS[3]}\x01" in write(Q.write_text, later, form)


@pytest.mark.parametrize("value", [float("nan"), 1.5, -0.1])
@pytest.mark.parametrize("at", [2, 3])
def test_a_probability_that_is_none_is_declined_where_it_is_disclosed(value, at):
    decision = [750_000_400, 6, 0.25, 0.5]
    decision[at] = value
    case = a_case(side=SELL, decisions=(tuple(decision), (1, 0, 0.0, 0.0)))
    assert write(Q.write_text, case, of((FIX44, True, True))) is None
    assert write(Q.write_wire, case, of((FIX44, True, True)), 1, 0) is None
    assert write(Q.write_text, case, of((FIX44, True, False))) is not None


def test_what_cannot_be_written_is_declined():
    form = of((FIX44, True, True))
    huge = a_case(ticks=(2**62, 2**62), step="100")
    assert write(Q.write_text, huge, form) is None and write(Q.write_wire, huge, form, 1, 0) is None
    for word, value in ((J.MODEL, -1), (J.MODEL, len(MODELS)), (J.WALL_NS, -1)):
        wrong = a_case()
        wrong.record.words[word] = value
        assert write(Q.write_text, wrong, form) is None
    assert write(Q.write_wire, a_case(), form, 1, -1) is None


def test_a_quote_that_does_not_fit_is_declined():
    form = of((FIX44, True, True))
    long = a_case(texts=("S" * 750, "r-1", "5", "Q1"))
    assert write(Q.write_text, long, form) == long.expected(FIX44, True, True)
    assert write(Q.write_wire, long, form, 1, 0) is None  # BodyLength has four digits
    too_long = a_case(texts=("S" * 1_600, "r-1", "5", "Q1"))
    assert write(Q.write_text, too_long, form) is None


@pytest.mark.parametrize("version", [FIX42, FIX50SP2])
def test_heads_have_the_version(version):
    wire = write(Q.write_wire, a_case(), of((version, False, False)), 12, 0)
    assert wire.startswith(f"8={version.begin_string}\x019=") and "\x0134=12\x0149=QUOTELIFE\x0152=1970" in wire
