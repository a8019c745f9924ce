"""Plain requests as they come from the client: framing, the session's header, the sequence numbers."""

from itertools import permutations

import numpy as np
import pytest

from quotelife.fix.encode import frame_bytes
from quotelife.fix.normalise import parse_message
from quotelife.fix.session import EXPECTED, IN_SEQUENCE, NEXT_OUT, SEQUENCE_WORDS
from quotelife.rfq import quote_request
from tests.unit.fix.client_rig import relaxed
from tests.unit.rfq.plain.plain_rig import PlainRig, ask
from tests.unit.rfq.rfq_rig import fields

BODY = "131=r1|146=1|55=BTC-USD|54=1|38=1.5|"
HEAD = "35=R|34=7|49={session}|52=20260105-10:00:00.000|56=QUOTELIFE|"


def framed(content: str, begin_string: str = "FIX.4.4") -> bytes:
    return frame_bytes(begin_string.encode(), content.replace("|", "\x01").encode("latin-1"))


def message(body: str = BODY, session: str = "ORD", head: str = HEAD, begin_string: str = "FIX.4.4") -> bytes:
    return framed(head.format(session=session) + body, begin_string)


class WireRig(PlainRig):
    """`numbers` are the sequence numbers of each session: 7 is expected, 3 is the next to be sent."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.numbers = {}
        for name in self.handler.sessions:
            words = self.numbers[name] = np.zeros(SEQUENCE_WORDS, np.int64)
            words[EXPECTED], words[NEXT_OUT], words[IN_SEQUENCE] = 7, 3, 1
            self.handler.plain.session(name).count_in(words)

    def receive_bytes(self, raw: bytes, session: str = "ORD") -> bytes | None:
        """The Quote; None for a message that is the general way's, without any effect."""
        before = self.snapshot(), self.numbers[session].tolist()
        plain, received = self.handler.plain.session(session), np.frombuffer(raw or b"\0", np.uint8)
        n = self.handler.plain.answer_wire(plain, received.ctypes.data, len(raw), self.wall_ns, self.mono_ns)
        if n:
            self.handler.complete(plain, self.mono_ns)
            return plain.out[:n].tobytes()
        self.check_same(before[0])
        assert self.numbers[session].tolist() == before[1]
        return None


@pytest.fixture
def rig(tmp_path):
    return WireRig(tmp_path)


@pytest.mark.parametrize(
    ("session", "begin_string"), [("ORD", "FIX.4.4"), ("FUND42", "FIX.4.2"), ("NEW50", "FIXT.1.1"), ("FUND", "FIX.4.4")]
)
def test_a_request_gets_a_whole_quote_of_its_version(rig, session, begin_string):
    raw = message(session=session, begin_string=begin_string)
    quote = rig.receive_bytes(raw, session)
    assert quote is not None
    sent = fields(quote.decode())
    assert (sent["8"], sent["49"], sent["56"], sent["34"]) == (begin_string, "QUOTELIFE", session, "3")
    assert sent["52"] == "20260105-10:00:00.000000" and sent["131"] == "r1" and sent["35"] == "S"
    content = quote[quote.index(b"35=") : quote.index(b"\x0110=") + 1]
    assert quote == frame_bytes(begin_string.encode(), content)
    assert rig.numbers[session].tolist()[:3] == [8, 4, 1]
    assert rig.handler.plain.session(session).consumed == len(raw)


@pytest.fixture(scope="module")
def dictionaries(tmp_path_factory):
    """Of the session and of the application, by the session's name."""
    folder = tmp_path_factory.mktemp("dictionaries")
    one = {name: relaxed(folder, f"{name}.xml")[0] for name in ("FIX42", "FIX44", "FIX50SP2", "FIXT11")}
    versions = {"FUND42": ("FIX42", "FIX42"), "ORD": ("FIX44", "FIX44"), "NEW50": ("FIXT11", "FIX50SP2")}
    return {session: (one[first], one[second]) for session, (first, second) in versions.items()}


@pytest.mark.parametrize(
    ("session", "begin_string"), [("ORD", "FIX.4.4"), ("FUND42", "FIX.4.2"), ("NEW50", "FIXT.1.1")]
)
def test_whatever_the_order_of_fields_a_request_is_digested_as_the_engine_puts_it(
    rig, dictionaries, session, begin_string
):
    answered = 0
    rest = ("54=1|", "38=1|", "60=20260105-10:00:00|")
    bodies = ["".join(("131={}|146=1|55=ETH-USD|", *some)) for n in (2, 3) for some in permutations(rest, n)]
    bodies += ["146=1|55=ETH-USD|54=1|38=1|131={}|", "38=1|54=1|131={}|146=1|55=ETH-USD|"]
    for n, body in enumerate(body for body in bodies if "38=" in body):
        raw = message(body.format(f"o{n}"), session, HEAD.replace("34=7", f"34={7 + answered}"), begin_string)
        if rig.receive_bytes(raw, session) is not None:
            answered += 1
            text = parse_message(raw, *dictionaries[session]).text()
            assert quote_request.digest(text) == rig.handler.plain.session(session).buffers.record.digest
    assert answered == 3


def test_both_ways_digest_a_request_alike(rig):
    assert rig.receive_bytes(message()) is not None
    text = "8=FIX.4.4|9=1|35=R|34=8|49=ORD|52=x|56=QUOTELIFE|" + BODY + "10=000|"
    again = rig.handler.receive(text.replace("|", "\x01"), rig.wall_ns, rig.mono_ns)
    assert fields(again.messages[0])["35"] == "S", "the quote again, not a refusal for other content"


@pytest.mark.parametrize("between", ["34=7|", "49=ORD|", "34=7|49=ORD|"])
def test_a_message_whose_third_field_is_not_its_type_is_left_to_the_session(rig, between):
    rest = HEAD.format(session="ORD").replace("35=R|", "").replace(between, "")
    assert rig.receive_bytes(framed(f"{between}35=R|{rest}{BODY}")) is None
    assert rig.receive_bytes(framed(f"35=R|{between}{rest}{BODY}")) is not None


def test_a_transact_time_is_plain(rig):
    assert rig.receive_bytes(message(BODY + "60=20260105-10:00:00|")) is not None


def test_of_several_messages_the_first_is_answered(rig):
    first = message()
    second = message(BODY.replace("r1", "r2"), head=HEAD.replace("34=7", "34=8"))
    assert fields(rig.receive_bytes(first + second + b"8=FI").decode())["131"] == "r1"
    assert rig.handler.plain.session("ORD").consumed == len(first)
    assert fields(rig.receive_bytes(second + b"8=FI").decode())["131"] == "r2"
    assert rig.numbers["ORD"].tolist()[:3] == [9, 5, 1]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        message()[:-1],
        b"\x01" + message(),
        message().replace(b"38=1.5", b"38=1.6"),
        message(head=HEAD.replace("34=7", "34=8")),
        message(head=HEAD.replace("34=7", "34=6")),
        message(head=HEAD.replace("34=7", "34=-7")),
        message(head=HEAD.replace("34=7", "34=+7")),
        message(head=HEAD.replace("34=7", "34=7x")),
        message(head=HEAD.replace("34=7|", "")),
        message(head=HEAD.replace("34=7", "34=7|43=Y|122=20260105-10:00:00")),
        message(head=HEAD.replace("34=7", "34=7|97=Y")),
        message(session="FUND"),
        message(head=HEAD.replace("QUOTELIFE", "OTHER")),
        message(head=HEAD.replace("35=R", "35=D")),
        message(begin_string="FIX.4.2"),
        message(begin_string="FIXT.1.1"),
        message("146=1|55=BTC-USD|54=1|38=1.5|131=r1|"),
        message("131=r1|146=1|54=1|55=BTC-USD|38=1.5|"),
        message(BODY + "58=text|"),
        message(BODY + "60=today|"),
        message("60=20260105-10:00:00|" + BODY),
        message(BODY.replace("BTC-USD", "?")),
        message(BODY.replace("38=1.5", "38=31")),
        message(BODY.replace("r1", "\xe9")),
        message("x" * 5_000 + "|" + BODY),
    ],
)
def test_anything_else_is_the_general_ways(rig, raw):
    assert rig.receive_bytes(raw) is None


@pytest.mark.parametrize(
    ("time", "is_valid"),
    [
        ("20260105-10:00:00", True),
        ("20260105-10:00:00.123", True),
        ("20260105-23:59:59.123456", True),
        ("20261231-00:00:00.123456789", True),
        ("20260105-10:00:00.1", True),
        ("20260105-10:00:00.", False),
        ("20260105-24:00:00", False),
        ("20260105-10:60:00", False),
        ("20260105-10:00:60", True),
        ("20260105-10:00:61", False),
        ("20261305-10:00:00", False),
        ("20260132-10:00:00", False),
        ("20260231-10:00:00", False),
        ("20260100-10:00:00", False),
        ("00000101-10:00:00", False),
        ("20260105 10:00:00", False),
        ("20260105-10.00:00", False),
        ("20260105-1x:00:00", False),
        ("20260105-10:00:00.12x", False),
        ("x", False),
    ],
)
def test_a_sending_time_is_a_time(rig, time, is_valid):
    raw = message(head=HEAD.replace("20260105-10:00:00.000", time))
    assert (rig.receive_bytes(raw) is not None) is is_valid


def test_a_number_may_have_leading_zeros(rig, dictionaries):
    raw = message(head=HEAD.replace("34=7", "34=007"))
    assert parse_message(raw, *dictionaries["ORD"]).seq_num == 7
    assert rig.receive_bytes(raw) is not None


def test_a_session_that_is_not_in_sequence_is_the_general_ways(rig):
    rig.numbers["ORD"][IN_SEQUENCE] = 0
    assert rig.receive_bytes(message()) is None


def test_a_session_whose_engine_counts_is_not_answered_on_the_wire(rig):
    rig.handler.plain.session("ORD").count_in(None)
    assert rig.receive_bytes(message()) is None


def test_a_session_that_counts_itself_gets_no_text(rig):
    rig.decline(ask("r1"))


def test_without_a_client_nothing_is_answered(rig):
    plain = rig.handler.plain.session("NOBODY")
    words = rig.numbers["NOBODY"] = np.array([7, 3, 1, 0, 0, 0, 0, 0], np.int64)
    plain.count_in(words)
    assert rig.receive_bytes(message(session="NOBODY"), "NOBODY") is None


def test_lengths_that_the_wire_does_not_have_are_declined(rig):
    """A request whose Quote has a body of more than 999 bytes does not exist; the longest of all has fewer."""
    longest = f"131={'x' * 64}|146=1|55=BTC-USD|38={'0' * 29}1.5|"
    quote = rig.receive_bytes(message(longest, session="FUND"), "FUND")
    assert quote is not None and len(quote) < 700
