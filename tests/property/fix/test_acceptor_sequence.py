"""An acceptor's session against a naive client, over a network that loses messages: whatever is lost, in either
direction, over connections, restarts and resets, each request is handed on once and in order, and each report arrives.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.fix.dictionary import DataDictionary
from quotelife.fix.encode import encode
from quotelife.fix.events import Disconnect
from quotelife.fix.fields import split_fields
from quotelife.fix.session import EXPECTED, IN_SEQUENCE, NEXT_OUT
from tests.unit.fix.client_rig import QUOTE, REPORT, TIME, ClientRig, relaxed

FROM_CLIENT = {"ask": "R", "heartbeat": "0", "reject": "3"}  # MsgType of what the client sends
NAMES = ("ask", *FROM_CLIENT, "report", "report", "quote", "kernel", "reconnect", "restart", "reset")
OPERATIONS = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=40)  # and whether it is lost


class NaiveClient:
    """Counts, drops what comes too early, and asks for it once; answers a ResendRequest from all that it has sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, object]] = []  # MsgType and QuoteReqID of each message, from number 1
        self.expected = 1
        self.reports: list[str] = []
        self.asked = False

    @property
    def requests(self) -> list[str]:
        return [str(request) for msg_type, request in self.sent if msg_type == "R"]

    def compose(self, rig: ClientRig, msg_type: str, *body: tuple[int, object]) -> bytes:
        """The next message."""
        self.sent.append((msg_type, dict(body).get(131)))
        return encode(rig.client, msg_type, len(self.sent), TIME, body)

    def receive(self, rig: ClientRig, message: bytes) -> list[bytes]:
        """The answers to a message."""
        values = {tag: value.decode() for tag, value in reversed(split_fields(message))}
        msg_type, seq_num = values[35], int(values[34])
        answers = self._resend(rig, int(values[7])) if msg_type == "2" else []
        if seq_num > self.expected:
            if not self.asked:
                self.asked = True
                answers.append(self.compose(rig, "2", (7, self.expected), (16, 0)))
            return answers
        if seq_num < self.expected:
            assert values.get(43) == "Y", values
            return answers
        self.asked = False
        self.expected = int(values[36]) if msg_type == "4" else seq_num + 1
        if msg_type == "8":
            self.reports.append(values[37])
        return answers

    def _resend(self, rig: ClientRig, begin: int) -> list[bytes]:
        found = []
        for seq_num in range(begin, len(self.sent) + 1):
            msg_type, request = self.sent[seq_num - 1]
            body: tuple[tuple[int, object], ...] = ((123, "Y"), (36, seq_num + 1))
            if msg_type == "R":
                body = ((131, request),)
            found.append(encode(rig.client, "R" if msg_type == "R" else "4", seq_num, TIME, body, TIME))
        return found


class World:
    """Both sides and what has to arrive since the numbers started."""

    def __init__(self, folder: Path, dictionary: DataDictionary) -> None:
        self.rig = ClientRig(folder, dictionary)
        self.ids = 0
        self.begin()

    def begin(self) -> None:
        """A connection on which the numbers start again."""
        self.client, self.reports = NaiveClient(), list[str]()
        self.rig.texts.clear()
        self.connect((141, "Y"))

    def connect(self, *body: tuple[int, object]) -> None:
        self.rig.session.disconnected()
        self.client.asked = False
        self.rig.session.connected(self.rig.now)
        self.deliver(self.client.compose(self.rig, "A", (98, 0), (108, 10), *body))

    def deliver(self, *messages: bytes) -> None:
        """Give messages to the session, and all that follows to the other side, until nobody has anything to say."""
        waiting = list(messages)
        while waiting or (out := self.rig.session.drain()):
            if waiting:
                events = self.rig.receive_bytes(waiting.pop(0))
                assert not any(isinstance(event, Disconnect) for event in events), events
                continue
            for part in out.split(b"8=FIX.4.4\x01")[1:]:
                waiting += self.client.receive(self.rig, b"8=FIX.4.4\x01" + part)

    def do(self, operation: str, lost: bool) -> None:
        self.ids += 1
        match operation:
            case "ask" | "heartbeat" | "reject":
                body = {"ask": [(131, self.ids)], "heartbeat": [], "reject": [(45, 1)]}[operation]
                message = self.client.compose(self.rig, FROM_CLIENT[operation], *body)
                if not lost:
                    self.deliver(message)
            case "report" | "quote":
                if operation == "report":
                    self.reports.append(str(self.ids))
                text = REPORT if operation == "report" else QUOTE
                self.rig.send(text.format(self.ids), stored=operation == "report")
                if lost:
                    self.rig.session.drain()
                self.deliver()
            case "kernel":
                self.answer_in_a_kernel(lost)
            case "reset":
                self.begin()
            case _:
                if operation == "restart":
                    self.rig.close()
                    self.rig.open()
                self.connect()

    def answer_in_a_kernel(self, lost: bool) -> None:
        """A request that a kernel answers, if it may: it counts in the shared words."""
        words = self.rig.session.sequence
        message = self.client.compose(self.rig, "R", (131, self.ids))
        if not words[IN_SEQUENCE] or words[EXPECTED] != len(self.client.sent):
            self.deliver(message)
            return
        self.rig.texts.append(f"\x01131={self.ids}\x01")
        quote = self.rig.session._template.message(QUOTE.format(self.ids), int(words[NEXT_OUT]), 0)
        words[NEXT_OUT] += 1
        words[EXPECTED] += 1
        self.rig.session.answered(self.rig.now)
        if not lost:
            self.deliver(*self.client.receive(self.rig, quote))


@pytest.fixture(scope="module")
def fix44(tmp_path_factory):
    return relaxed(tmp_path_factory.mktemp("dictionaries"), "FIX44.xml")[0]


@settings(max_examples=100, deadline=None)
@given(operations=OPERATIONS)
def test_nothing_is_lost_or_handed_on_twice(fix44, operations):
    with TemporaryDirectory() as folder:
        world = World(Path(folder), fix44)
        for operation, lost in operations:
            world.do(operation, lost)
        world.deliver(world.client.compose(world.rig, "1", (112, "settled")))
        words = world.rig.session.sequence
        assert words[EXPECTED] == len(world.client.sent) + 1
        assert words[NEXT_OUT] == world.client.expected
        handed_on = [text.split("\x01131=")[1].split("\x01")[0] for text in world.rig.texts if "\x01131=" in text]
        assert handed_on == world.client.requests
        assert world.client.reports == world.reports
        assert words[IN_SEQUENCE] == 1
        world.rig.close()
