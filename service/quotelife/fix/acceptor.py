"""The acceptor's side of a FIX session: it answers a client's Logon. See `session.py`.

A client gets the answers of the reference engine (QuickFIX 1.16): the same checks in the same order, messages after a
gap are retained until it is filled, and ExecutionReports are sent again from the store. Where that engine is wrong,
this one is not: the rules of engagement, `fix_config/README.md`, list the differences.

Who may log on is decided before. `receive` returns at most one event that waits for `processed`, LoggedOn or
ReceivedText, as its last: nothing may be received before. EXPECTED is advanced there, when the message is handled.
"""

from collections.abc import Callable

from quotelife.fix import tags
from quotelife.fix.dictionary import FieldProblem
from quotelife.fix.encode import Field, HeaderTemplate
from quotelife.fix.events import Event, GapDetected, LoggedOn, ReceivedText, SessionMessage
from quotelife.fix.fields import as_int, as_text
from quotelife.fix.gap import Gap
from quotelife.fix.normalise import InvalidMessage, ReceivedMessage, parse_message
from quotelife.fix.rejections import client_business_reject_body, client_reject_body
from quotelife.fix.session import EXPECTED, IN_SEQUENCE, NEXT_OUT, NS_PER_S, Session, State
from quotelife.fix.settings import AcceptorSettings
from quotelife.fix.store import MappedStore

_LOGGED_ON = (State.ESTABLISHED, State.LOGOUT_SENT)
_HEARTBEATS_S = range(1, 3_601)
_HANDLED_AT_ONCE = (tags.LOGON, tags.RESEND_REQUEST, tags.REJECT)  # also beyond a gap
_MAX_SEQ_NUM = 2**62  # far from what an int64 word can count
Handler = Callable[[ReceivedMessage, int, int], list[Event]]


class AcceptorSession(Session):
    """A client's session, whose numbers and ExecutionReports are in `store`."""

    def __init__(self, settings: AcceptorSettings, store: MappedStore) -> None:
        timeouts = settings.logon_timeout_ns, settings.logout_timeout_ns
        super().__init__(settings.identity, store.sequence, store, _HEARTBEATS_S[-1], *timeouts)
        self.settings, self.store = settings, store
        self._dictionaries = settings.dictionary, settings.application_dictionary
        self._template = HeaderTemplate(settings.identity)
        self._begin_string = settings.identity.begin_string.encode()
        self._gap = Gap(store.sequence, settings.max_queued)
        self._waiting: ReceivedMessage | None = None  # for `processed`
        self._resend_from = 0  # NextExpectedMsgSeqNum (789) of the Logon, 0: nothing is missing
        self._handlers: dict[str, Handler] = {
            tags.LOGON: self._on_logon,
            tags.HEARTBEAT: self._on_heartbeat,
            tags.TEST_REQUEST: self._on_test_request,
            tags.RESEND_REQUEST: self._on_resend_request,
            tags.REJECT: self._on_reject,
            tags.SEQUENCE_RESET: self._on_sequence_reset,
            tags.LOGOUT: self._on_logout,
        }

    # --- connection

    def connected(self, now_ns: int) -> None:
        """A connection whose Logon may be received. A message of the last one that was not processed is asked for."""
        self._waiting = None
        self._gap.forget()
        self._connect(State.LOGON_AWAITED, now_ns)

    def disconnected(self) -> None:
        """The connection is closed, by either side. A message that is being handled is still counted by `processed`."""
        super().disconnected()
        self._gap.forget()

    @property
    def is_logged_on(self) -> bool:
        """Whether what is sent leaves at once."""
        return self.state in _LOGGED_ON

    # --- outgoing

    def send(self, text: str, stored: bool, now_ns: int, wall_ns: int) -> int:
        """Send a text of the handler, `stored`: to be sent again if the client asks. Returns its MsgSeqNum.

        Without a connection it uses up its number all the same: the client will ask for what it misses. OSError if it
        cannot be stored; then nothing has happened."""
        seq_num = self._words[NEXT_OUT]
        message = self._template.message(text, seq_num, wall_ns)
        if stored:
            self.store.append(seq_num, message)
        self._words[NEXT_OUT] = seq_num + 1
        if self.is_logged_on:
            self._out.append(message)
            self.messages_sent += 1
            self._last_sent_ns = now_ns
        return seq_num

    def answered(self, now_ns: int) -> None:
        """A kernel has processed a message in sequence, and its answer leaves now."""
        self._last_received_ns = self._last_sent_ns = now_ns
        self.messages_sent += 1

    # --- incoming

    def receive(self, message: bytes, now_ns: int, wall_ns: int) -> list[Event]:
        """Process one framed message that no kernel has processed."""
        assert self._waiting is None
        if self.state is State.DISCONNECTED:
            return []
        try:
            received = parse_message(message, *self._dictionaries)
        except InvalidMessage as error:
            if self.state is State.LOGON_AWAITED or b"\x0135=A\x01" in message:
                return self._stop(f"unreadable Logon: {error}")
            return []  # garbled: ignored, so its number will be missing
        if self.state is State.LOGON_AWAITED and received.msg_type != tags.LOGON:
            return self._stop(f"first message is {received.msg_type}, not Logon")
        events = self._process(received, now_ns, wall_ns)
        return events if self._waiting else events + self._process_queue(now_ns, wall_ns)

    def processed(self, now_ns: int, wall_ns: int) -> list[Event]:
        """The message of the last event has been handled. Returns what messages that waited for it have caused."""
        received, self._waiting = self._waiting, None
        assert received is not None
        if received.msg_type != tags.LOGON:
            self._words[EXPECTED] += received.seq_num == self._words[EXPECTED]
        elif self._resend_from:
            begin, self._resend_from = self._resend_from, 0
            self._start_replay(begin, 0, now_ns, wall_ns)
        return self._process_queue(now_ns, wall_ns)

    def unsupported(self, now_ns: int, wall_ns: int) -> list[Event]:
        """As `processed`: the handler does not know messages of this type."""
        received = self._waiting
        if received is None or received.is_admin:
            return self.processed(now_ns, wall_ns)
        self._waiting = None
        self._business_reject(received, tags.UNSUPPORTED_MESSAGE_TYPE, 0, now_ns, wall_ns)
        return self._process_queue(now_ns, wall_ns)

    def _process(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        """Process a message whatever its number."""
        header = received.values
        missing = next((tag for tag in (tags.SenderCompID, tags.TargetCompID) if tag not in header), 0)
        if not missing and header[tags.BeginString] != self._begin_string:
            return self._on_other_version(received, now_ns, wall_ns)
        if not missing and received.msg_type == tags.LOGON and self.settings.appl_ver_id is not None:
            missing = 0 if tags.DefaultApplVerID in received.body_values else tags.DefaultApplVerID
        if missing and not received.is_admin:
            if received.seq_num is not None:
                self._business_reject(received, tags.CONDITIONALLY_REQUIRED_FIELD_MISSING, missing, now_ns, wall_ns)
            return []
        problem = FieldProblem(tags.REQUIRED_TAG_MISSING, missing) if missing else received.problem(*self._dictionaries)
        if problem is None:
            return self._handlers.get(received.msg_type, self._on_text)(received, now_ns, wall_ns)
        if self.state is State.LOGON_AWAITED or (missing and received.msg_type == tags.LOGON):
            return self._stop(f"Logon refused: {problem}")
        self._reject(received, problem, now_ns, wall_ns)
        return []

    def _process_queue(self, now_ns: int, wall_ns: int) -> list[Event]:
        """Process messages that waited for the last one."""
        events: list[Event] = []
        while self._waiting is None and self.state is not State.DISCONNECTED:
            received = self._gap.next_message()
            if received is None:
                break
            if received.msg_type in _HANDLED_AT_ONCE:
                self._words[EXPECTED] += 1
            else:
                events += self._process(received, now_ns, wall_ns)
        self._words[IN_SEQUENCE] = self.state is State.ESTABLISHED and self._waiting is None and not self._gap
        return events

    # --- order

    def _verify(
        self, received: ReceivedMessage, too_high: bool, too_low: bool, now_ns: int, wall_ns: int
    ) -> list[Event] | None:
        """Check CompIDs, and the number in the directions given. None if the message may be processed."""
        header, identity = received.values, self.identity
        if tags.SendingTime not in header or ((too_high or too_low) and tags.MsgSeqNum not in header):
            return self._stop("SendingTime or MsgSeqNum is missing")
        sender, target = as_text(header[tags.SenderCompID]), as_text(header[tags.TargetCompID])
        if (sender, target) != (identity.target_comp_id, identity.sender_comp_id):
            self._reject(received, FieldProblem(tags.COMPID_PROBLEM), now_ns, wall_ns)
            return self._ask_for_logout("", now_ns, wall_ns)
        expected = self._words[EXPECTED]
        seq_num = received.seq_num or 0
        if too_high and seq_num > expected:
            return self._on_gap(received, seq_num, now_ns, wall_ns)
        if too_low and seq_num < expected:
            return self._on_too_low(received, seq_num, now_ns, wall_ns)
        self._last_received_ns = now_ns
        return None

    def _on_gap(self, received: ReceivedMessage, seq_num: int, now_ns: int, wall_ns: int) -> list[Event]:
        """Retain a message until those before it have arrived, and request them once."""
        expected = self._words[EXPECTED]
        if not self._gap.add(received, seq_num):
            return []
        self.resend_requests += 1
        self._send(tags.RESEND_REQUEST, ((tags.BeginSeqNo, expected), (tags.EndSeqNo, 0)), now_ns, wall_ns)
        return [GapDetected(expected, seq_num)]

    def _on_too_low(self, received: ReceivedMessage, seq_num: int, now_ns: int, wall_ns: int) -> list[Event]:
        """A possible duplicate is dropped if it is well-formed; anything else is beyond repair."""
        header = received.values
        if header.get(tags.PossDupFlag) != b"Y":
            expected = self._words[EXPECTED]
            text = f"MsgSeqNum too low, expecting {expected} but received {seq_num}"
            self._send_logout(text, now_ns, wall_ns)
            return self._stop(text)
        if received.msg_type == tags.SEQUENCE_RESET:
            return []
        original = header.get(tags.OrigSendingTime)
        if original is None:
            problem = FieldProblem(tags.REQUIRED_TAG_MISSING, tags.OrigSendingTime)
            self._reject(received, problem, now_ns, wall_ns)
        elif _padded(original) > _padded(header[tags.SendingTime]):
            self._reject(received, FieldProblem(tags.SENDINGTIME_ACCURACY_PROBLEM), now_ns, wall_ns)
            return self._ask_for_logout("", now_ns, wall_ns)
        return []

    # --- messages

    def _on_text(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        failed = self._verify(received, True, True, now_ns, wall_ns)
        return self._hand_on(received) if failed is None else failed

    def _hand_on(self, received: ReceivedMessage) -> list[Event]:
        self._waiting = received
        self._words[IN_SEQUENCE] = 0
        return [ReceivedText(received.msg_type, received.text())]

    def _on_reject(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        """It has to be heard, and is not sent again: a client fills the gaps of session messages."""
        failed = self._verify(received, False, True, now_ns, wall_ns)
        if failed is not None:
            return failed
        events: list[Event] = [_accepted(received)]
        seq_num = received.seq_num or 0
        if seq_num > self._words[EXPECTED]:
            events += self._on_gap(received, seq_num, now_ns, wall_ns)
        return events + self._hand_on(received)

    def _on_heartbeat(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        failed = self._verify(received, True, True, now_ns, wall_ns)
        if failed is not None:
            return failed
        self._words[EXPECTED] += 1
        return [_accepted(received)]

    def _on_test_request(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        failed = self._verify(received, True, True, now_ns, wall_ns)
        if failed is not None:
            return failed
        test_req_id = received.body_values[tags.TestReqID].decode("utf-8", "surrogateescape")
        self._send(tags.HEARTBEAT, ((tags.TestReqID, test_req_id),), now_ns, wall_ns)
        self._words[EXPECTED] += 1
        return [_accepted(received)]

    def _on_resend_request(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        """Answered whatever its number is, or both sides might wait for each other."""
        failed = self._verify(received, False, False, now_ns, wall_ns)
        if failed is not None:
            return failed
        begin, end = (int(received.body_values[tag]) for tag in (tags.BeginSeqNo, tags.EndSeqNo))
        if end == 999_999 and self.identity.begin_string == "FIX.4.2":
            end = 0
        self._start_replay(max(begin, 1), end, now_ns, wall_ns)
        if received.seq_num == self._words[EXPECTED]:
            self._words[EXPECTED] += 1
        return [_accepted(received)]

    def _on_sequence_reset(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        """A GapFill has to be in sequence, a Reset has not."""
        gap_fill = received.body_values.get(tags.GapFillFlag) == b"Y"
        failed = self._verify(received, gap_fill, gap_fill, now_ns, wall_ns)
        if failed is not None:
            return failed
        new, expected = int(received.body_values[tags.NewSeqNo]), self._words[EXPECTED]
        if new < expected or new > _MAX_SEQ_NUM:
            self._reject(received, FieldProblem(tags.VALUE_IS_INCORRECT), now_ns, wall_ns)
            return [_accepted(received)]
        self._words[EXPECTED] = new
        if not gap_fill:
            self.sequence_resets += 1
        return [_accepted(received)]

    def _on_logout(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        failed = self._verify(received, False, False, now_ns, wall_ns)
        if failed is not None:
            return failed
        reason = "logged out"
        if self.state is not State.LOGOUT_SENT:
            self._send_logout("", now_ns, wall_ns)
            reason = f"peer logged out: {as_text(received.body_values.get(tags.Text)) or 'no reason given'}"
        self._words[EXPECTED] += 1
        return [_accepted(received), *self._stop(reason)]

    # --- logon

    def _on_logon(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        """Answer it. In an established session it may start the numbers again, nothing else."""
        body, words = received.body_values, self._words
        reset = body.get(tags.ResetSeqNumFlag) == b"Y"
        if self.state is not State.LOGON_AWAITED and not reset:
            return self._stop("Logon in an established session")
        failed = self._verify(received, False, not reset, now_ns, wall_ns)
        if failed is not None:
            return self._stop("Logon refused") if self.state is State.LOGON_AWAITED else failed
        if reset:
            self.store.reset()
            self._gap.forget()
            self._replay.stop()
            self.sequence_resets += 1
        wanted, next_out = max(as_int(body.get(tags.NextExpectedMsgSeqNum)) or 0, 0), words[NEXT_OUT]
        if wanted > next_out:
            text = f"NextExpectedMsgSeqNum too high, expecting {next_out} but received {wanted}"
            self._send_logout(text, now_ns, wall_ns)
            return self._stop(text)
        self._resend_from = wanted if wanted < next_out else 0
        self._answer_logon(body, reset, now_ns, wall_ns)
        events: list[Event] = [_accepted(received)]
        seq_num = received.seq_num or 0
        if seq_num > words[EXPECTED] and not reset:
            events += self._on_gap(received, seq_num, now_ns, wall_ns)
        else:
            words[EXPECTED] += 1
        self._waiting = received
        return [*events, LoggedOn(next_out == 1)]

    def _answer_logon(self, logon: dict[int, bytes], reset: bool, now_ns: int, wall_ns: int) -> None:
        interval = logon[tags.HeartBtInt]
        answer: list[Field] = [(tags.EncryptMethod, 0), (tags.HeartBtInt, as_text(interval))]
        if reset:
            answer.append((tags.ResetSeqNumFlag, "Y"))
        if self.settings.appl_ver_id is not None:
            answer.append((tags.DefaultApplVerID, self.settings.appl_ver_id))
        self._send(tags.LOGON, tuple(answer), now_ns, wall_ns)
        if int(interval) in _HEARTBEATS_S:
            self._heartbeat_ns = int(interval) * NS_PER_S
        self.state = State.ESTABLISHED

    # --- refusals

    def _on_other_version(self, received: ReceivedMessage, now_ns: int, wall_ns: int) -> list[Event]:
        if received.msg_type == tags.LOGOUT:
            return self._on_logout(received, now_ns, wall_ns)
        self._words[EXPECTED] += 1
        return self._ask_for_logout("Incorrect BeginString", now_ns, wall_ns)

    def _ask_for_logout(self, text: str, now_ns: int, wall_ns: int) -> list[Event]:
        """As `logout`, each time that there is a reason."""
        if self.state is State.LOGOUT_SENT:
            self._send_logout(text, now_ns, wall_ns)
        return self.logout(now_ns, wall_ns, text)

    def _reject(self, received: ReceivedMessage, problem: FieldProblem, now_ns: int, wall_ns: int) -> None:
        """Send a Reject (3), unless there is no number to refer to. The message counts if it is in sequence."""
        if self.state is State.LOGON_AWAITED:
            return
        if received.msg_type not in (tags.LOGON, tags.SEQUENCE_RESET):
            if received.seq_num is None:
                return
            if received.seq_num == self._words[EXPECTED]:
                self._words[EXPECTED] += 1
        elif received.seq_num is None and received.values.get(tags.MsgSeqNum):
            return
        self._send(tags.REJECT, client_reject_body(received, problem), now_ns, wall_ns)

    def _business_reject(self, received: ReceivedMessage, reason: int, tag: int, now_ns: int, wall_ns: int) -> None:
        """Send a BusinessMessageReject (j). The message counts."""
        self._words[EXPECTED] += 1
        self._send(tags.BUSINESS_MESSAGE_REJECT, client_business_reject_body(received, reason, tag), now_ns, wall_ns)

    def _on_unanswered(self, reason: str, now_ns: int, wall_ns: int) -> list[Event]:
        return self._stop(reason)


def _accepted(received: ReceivedMessage) -> SessionMessage:
    return SessionMessage(received.msg_type, received.values | received.body_values)


def _padded(time: bytes) -> bytes:
    """A UTCTimestamp with nine decimals, which compares like the time."""
    seconds, _, decimals = time.partition(b".")
    return seconds + decimals.ljust(9, b"0")
