"""The initiator's side of a FIX session: it sends the Logon, as a market-data session does. See `session.py`."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quotelife.fix import tags
from quotelife.fix.encode import Body, Identity
from quotelife.fix.events import (
    ApplicationMessage,
    Event,
    GapDetected,
    GapFilled,
    LoggedOn,
    Rejected,
    first_values,
    message_type,
)
from quotelife.fix.fields import MalformedMessage, as_int, as_text, split_fields
from quotelife.fix.logon_recipe import logon_values
from quotelife.fix.rejections import RejectionLimit, business_reject_body, reject_body
from quotelife.fix.sent_messages import SentMessages
from quotelife.fix.session import (
    AWAITING_RESEND,
    EXPECTED,
    HIGHEST,
    IN_SEQUENCE,
    NEXT_OUT,
    NS_PER_S,
    SEQUENCE_WORDS,
    Session,
    State,
)
from quotelife.fix.settings import SessionSettings


class InitiatorSession(Session):
    """Messages after a gap are dropped until it is filled, since they are sent again. Sequence numbers begin with 1."""

    def __init__(
        self,
        settings: SessionSettings,
        sequence: np.ndarray | None = None,
        rejections: RejectionLimit | None = None,
    ) -> None:
        words = np.zeros(SEQUENCE_WORDS, np.int64) if sequence is None else sequence
        timeouts = settings.logon_timeout_ns, settings.logout_timeout_ns
        self._sent = SentMessages(settings.resend_capacity)
        super().__init__(settings.identity, words, self._sent, settings.heartbeat_s, *timeouts)
        self.settings = settings
        self.sends_test_requests = settings.test_request
        self.rejections = rejections or RejectionLimit()
        words[EXPECTED] = words[NEXT_OUT] = 1
        self._header_of_peer = _header_of_peer(settings.identity)
        self._resend_ns = self._resend_attempts = 0
        self._handlers: dict[str, Callable[[dict[int, bytes], int, int], list[Event]]] = {
            tags.HEARTBEAT: self._on_heartbeat,
            tags.TEST_REQUEST: self._on_test_request,
            tags.RESEND_REQUEST: self._on_resend_request,
            tags.REJECT: self._on_reject,
            tags.LOGOUT: self._on_logout,
            tags.LOGON: self._on_second_logon,
        }

    # --- connection

    def connected(self, now_ns: int, wall_ns: int) -> None:
        """The connection is established: send a Logon."""
        settings = self.settings
        if settings.reset_seq_num:
            self._reset_numbers()
        self._heartbeat_ns = settings.heartbeat_s * NS_PER_S
        self._connect(State.LOGON_SENT, now_ns)
        body: list[tuple[int, str | int]] = [(tags.EncryptMethod, 0), (tags.HeartBtInt, settings.heartbeat_s)]
        if settings.reset_seq_num:
            body.append((tags.ResetSeqNumFlag, "Y"))
        if settings.appl_ver_id is not None:
            body.append((tags.DefaultApplVerID, settings.appl_ver_id))
        body += settings.logon.body(
            logon_values(settings.identity, int(self.sequence[NEXT_OUT]), settings.heartbeat_s, wall_ns)
        )
        self._send(tags.LOGON, tuple(body), now_ns, wall_ns)

    # --- outgoing

    def send(self, msg_type: str, body: Body, now_ns: int, wall_ns: int) -> int:
        """Send an application message and retain it for a ResendRequest. Returns its MsgSeqNum."""
        seq_num = int(self.sequence[NEXT_OUT])
        self._sent.add(seq_num, msg_type, body, self.settings.identity.sending_time(wall_ns))
        self._send(msg_type, body, now_ns, wall_ns)
        return seq_num

    def reject(self, ref_seq_num: int, msg_type: str, reason: int, text: str, now_ns: int, wall_ns: int) -> None:
        """Reject a message of the peer (Reject, MsgType 3), unless too many were rejected for this reason."""
        what = self.settings.logon.redact(f"{msg_type} with MsgSeqNum {ref_seq_num}: {text}")
        if self.rejections.allows(tags.REJECT, reason, what, now_ns):
            self._send(tags.REJECT, reject_body(ref_seq_num, msg_type, reason, text), now_ns, wall_ns)

    def reject_unsupported(self, ref_seq_num: int, msg_type: str, now_ns: int, wall_ns: int) -> None:
        """Say that messages of this type are not processed (BusinessMessageReject), unless that was said too often. It
        is not retained for a ResendRequest."""
        named = self.settings.logon.redact(msg_type)
        what = f"{named} with MsgSeqNum {ref_seq_num}: messages of this type are not processed"
        if self.rejections.allows(tags.BUSINESS_MESSAGE_REJECT, tags.UNSUPPORTED_MESSAGE_TYPE, what, now_ns):
            body = business_reject_body(ref_seq_num, msg_type, tags.UNSUPPORTED_MESSAGE_TYPE)
            self._send(tags.BUSINESS_MESSAGE_REJECT, body, now_ns, wall_ns)

    # --- incoming

    def on_activity(self, now_ns: int) -> list[Event]:
        """Bytes have arrived, of which a kernel has processed those in sequence. GapFilled if that filled the gap."""
        self._last_received_ns = now_ns
        sequence = self.sequence
        if sequence[AWAITING_RESEND] and sequence[EXPECTED] > sequence[HIGHEST]:
            sequence[AWAITING_RESEND] = 0
            return [GapFilled(int(sequence[EXPECTED]) - 1)]
        return []

    def receive(self, message: bytes, now_ns: int, wall_ns: int) -> list[Event]:
        """Process one framed message that no kernel has processed."""
        self._last_received_ns = now_ns
        if self.state is State.DISCONNECTED:
            return []
        try:
            fields = split_fields(message)
        except MalformedMessage as error:
            return self._end(f"unreadable message: {error}", now_ns, wall_ns)
        values = first_values(fields)
        msg_type = message_type(values)
        wrong = _identity_error(self._header_of_peer, values)
        seq_num = as_int(values.get(tags.MsgSeqNum))
        if wrong and seq_num is not None and self.state is State.ESTABLISHED:
            self.reject(seq_num, msg_type, tags.COMPID_PROBLEM, wrong, now_ns, wall_ns)
        if wrong or seq_num is None:
            return self._end(wrong or "MsgSeqNum is missing", now_ns, wall_ns)
        if self.state is State.LOGON_SENT:
            return self._on_first(msg_type, values, seq_num, now_ns, wall_ns)
        if msg_type == tags.SEQUENCE_RESET:
            return self._on_sequence_reset(values, seq_num, now_ns, wall_ns) + self.on_activity(now_ns)
        expected = int(self.sequence[EXPECTED])
        if seq_num > expected:
            return self._too_high(msg_type, values, seq_num, now_ns, wall_ns)
        if seq_num < expected:
            return self._too_low(values, seq_num, now_ns, wall_ns)
        self.sequence[EXPECTED] += 1
        handler = self._handlers.get(msg_type)
        if handler is not None:
            events = handler(values, now_ns, wall_ns)
        else:
            events = [ApplicationMessage(msg_type, self.settings.logon.redact_texts(fields))]
        return events + self.on_activity(now_ns)

    def _on_timer_of_role(self, now_ns: int, wall_ns: int) -> list[Event]:
        settings = self.settings
        if self.sequence[AWAITING_RESEND] and now_ns - self._resend_ns >= settings.resend_timeout_ns:
            if self._resend_attempts >= settings.resend_attempts:
                return self._end("no answer to ResendRequest", now_ns, wall_ns)
            self._request_resend(now_ns, wall_ns)
        return []

    # --- sequence numbers

    def _on_first(
        self, msg_type: str, values: dict[int, bytes], seq_num: int, now_ns: int, wall_ns: int
    ) -> list[Event]:
        """The first message establishes the session or ends it."""
        if msg_type == tags.LOGOUT:
            return self._stop(f"logon refused: {self._peer_text(values) or 'no reason given'}")
        if msg_type != tags.LOGON:
            return self._stop(f"first message is {msg_type}, not Logon")
        reset = values.get(tags.ResetSeqNumFlag) == b"Y"
        self.sequence_resets += reset
        if reset and not self.settings.reset_seq_num:
            self._reset_numbers()
        expected = int(self.sequence[EXPECTED])
        if seq_num < expected:
            return self._end(f"MsgSeqNum too low, expecting {expected} but received {seq_num}", now_ns, wall_ns)
        interval = as_int(values.get(tags.HeartBtInt))
        if interval is not None and interval > 0:
            self._heartbeat_ns = interval * NS_PER_S
        self.state = State.ESTABLISHED
        self.sequence[IN_SEQUENCE] = 1
        events: list[Event] = [LoggedOn(reset)]
        if seq_num == expected:
            self.sequence[EXPECTED] += 1
            return events
        return events + self._gap(seq_num, now_ns, wall_ns)

    def _too_high(
        self, msg_type: str, values: dict[int, bytes], seq_num: int, now_ns: int, wall_ns: int
    ) -> list[Event]:
        """Request the missing messages. Logout and ResendRequest are processed at once, or both sides would wait."""
        if msg_type == tags.LOGOUT:
            return self._on_logout(values, now_ns, wall_ns)
        if msg_type == tags.RESEND_REQUEST:
            self._on_resend_request(values, now_ns, wall_ns)
        return self._gap(seq_num, now_ns, wall_ns)

    def _too_low(self, values: dict[int, bytes], seq_num: int, now_ns: int, wall_ns: int) -> list[Event]:
        if values.get(tags.PossDupFlag) == b"Y":
            return []
        expected = int(self.sequence[EXPECTED])
        return self._end(f"MsgSeqNum too low, expecting {expected} but received {seq_num}", now_ns, wall_ns)

    def _gap(self, seq_num: int, now_ns: int, wall_ns: int) -> list[Event]:
        sequence = self.sequence
        if not self.settings.resends:
            detected = GapDetected(int(sequence[EXPECTED]), seq_num)
            return [detected, *self._end("sequence gap, and the peer resends nothing", now_ns, wall_ns)]
        sequence[HIGHEST] = max(int(sequence[HIGHEST]), seq_num)
        if sequence[AWAITING_RESEND]:
            return []
        sequence[AWAITING_RESEND] = 1
        sequence[HIGHEST] = seq_num
        self._resend_attempts = 0
        self._request_resend(now_ns, wall_ns)
        return [GapDetected(int(sequence[EXPECTED]), seq_num)]

    def _request_resend(self, now_ns: int, wall_ns: int) -> None:
        self._resend_ns = now_ns
        self._resend_attempts += 1
        self.resend_requests += 1
        body = ((tags.BeginSeqNo, int(self.sequence[EXPECTED])), (tags.EndSeqNo, 0))
        self._send(tags.RESEND_REQUEST, body, now_ns, wall_ns)

    def _on_sequence_reset(self, values: dict[int, bytes], seq_num: int, now_ns: int, wall_ns: int) -> list[Event]:
        """GapFill must be in sequence; Reset need not be, but never lowers the expected number."""
        expected = int(self.sequence[EXPECTED])
        new_seq_no = as_int(values.get(tags.NewSeqNo))
        gap_fill = values.get(tags.GapFillFlag) == b"Y"
        if gap_fill and seq_num > expected:
            return self._gap(seq_num, now_ns, wall_ns)
        if gap_fill and seq_num < expected:
            return self._too_low(values, seq_num, now_ns, wall_ns)
        if new_seq_no is None or new_seq_no < expected or (gap_fill and new_seq_no == expected):
            text = f"NewSeqNo must be above {expected - 1 + gap_fill}"
            reason = tags.REQUIRED_TAG_MISSING if new_seq_no is None else tags.VALUE_IS_INCORRECT
            self.reject(seq_num, tags.SEQUENCE_RESET, reason, text, now_ns, wall_ns)
            return []
        self.sequence[EXPECTED] = new_seq_no
        if not gap_fill:  # the peer will not resend the missing messages
            self.sequence_resets += 1
            self.sequence[HIGHEST] = new_seq_no - 1
        return []

    def _reset_numbers(self) -> None:
        self.sequence[EXPECTED] = self.sequence[NEXT_OUT] = 1
        self._sent.clear()
        self._replay.stop()

    # --- session messages in sequence

    def _on_heartbeat(self, values: dict[int, bytes], now_ns: int, wall_ns: int) -> list[Event]:
        return []

    def _on_test_request(self, values: dict[int, bytes], now_ns: int, wall_ns: int) -> list[Event]:
        body = ((tags.TestReqID, as_text(values.get(tags.TestReqID))),)
        self._send(tags.HEARTBEAT, body, now_ns, wall_ns)
        return []

    def _on_resend_request(self, values: dict[int, bytes], now_ns: int, wall_ns: int) -> list[Event]:
        begin = max(as_int(values.get(tags.BeginSeqNo)) or 1, 1)
        self._start_replay(begin, as_int(values.get(tags.EndSeqNo)) or 0, now_ns, wall_ns)
        return []

    def _on_reject(self, values: dict[int, bytes], now_ns: int, wall_ns: int) -> list[Event]:
        return [Rejected(as_int(values.get(tags.RefSeqNum)) or 0, self._peer_text(values))]

    def _on_logout(self, values: dict[int, bytes], now_ns: int, wall_ns: int) -> list[Event]:
        text = self._peer_text(values)
        if self.state is State.LOGOUT_SENT:
            return self._stop("logged out")
        self._send_logout("", now_ns, wall_ns)
        return self._stop(f"peer logged out: {text or 'no reason given'}")

    def _peer_text(self, values: dict[int, bytes]) -> str:
        """Text (58) of the peer, for the log."""
        return self.settings.logon.redact(as_text(values.get(tags.Text)))

    def _on_second_logon(self, values: dict[int, bytes], now_ns: int, wall_ns: int) -> list[Event]:
        return self._end("Logon in an established session", now_ns, wall_ns)

    def _redact(self, text: str) -> str:
        return self.settings.logon.redact(text)


class _HeaderField(NamedTuple):
    """What a header field of the peer contains; if not `required` it may be absent."""

    tag: int
    name: str
    value: bytes
    required: bool


def _header_of_peer(identity: Identity) -> tuple[_HeaderField, ...]:
    """The header of the other side. It need not return SubIDs; if it does, they are ours."""
    fields = [
        _HeaderField(tags.BeginString, "BeginString", identity.begin_string.encode(), True),
        _HeaderField(tags.SenderCompID, "SenderCompID", identity.target_comp_id.encode(), True),
        _HeaderField(tags.TargetCompID, "TargetCompID", identity.sender_comp_id.encode(), True),
    ]
    if identity.target_sub_id is not None:
        fields.append(_HeaderField(tags.SenderSubID, "SenderSubID", identity.target_sub_id.encode(), False))
    if identity.sender_sub_id is not None:
        fields.append(_HeaderField(tags.TargetSubID, "TargetSubID", identity.sender_sub_id.encode(), False))
    return tuple(fields)


def _identity_error(header: tuple[_HeaderField, ...], values: dict[int, bytes]) -> str:
    """What does not belong to the session in a message with these fields; "" if all does."""
    for tag, name, own, required in header:
        found = values.get(tag)
        if found != own and (required or found is not None):
            return f"{name} is {as_text(found)}, not {as_text(own)}"
    return ""
