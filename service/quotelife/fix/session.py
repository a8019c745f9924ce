"""What both sides of a FIX session share, sans I/O: bytes and time in, events and bytes out.

    initiator.py    sends the Logon; drops what comes after a gap, since it is sent again
    acceptor.py     answers it, with the validation, the order and the store of the reference engine

`now_ns` is the monotonic clock (timers), `wall_ns` the wall clock (SendingTime). Sequence numbers are in an int64
array, so that a kernel can process messages in sequence and count them there; other messages go to `receive`.
FIX.4.2, FIX.4.4 and FIXT.1.1 have the same session layer but for DefaultApplVerID in the Logon.
Source: FIX Session Layer, scenarios of FIX.4.4 volume 2.
"""

import sys
from enum import Enum

import numpy as np

from quotelife.fix import tags
from quotelife.fix.encode import Body, Identity, encode
from quotelife.fix.events import Disconnect, Event
from quotelife.fix.replay import Replay, StoredMessages

# words of the shared array
EXPECTED = 0  # MsgSeqNum of the next message from the peer
NEXT_OUT = 1  # MsgSeqNum of our next message
IN_SEQUENCE = 2  # 1 while a kernel may process messages (logged on)
AWAITING_RESEND = 3  # 1 from a gap until it is filled
HIGHEST = 4  # highest MsgSeqNum received while awaiting the resend
SEQUENCE_WORDS = 8

NS_PER_S = 1_000_000_000
_SLACK = 1.2  # heartbeat interval plus "reasonable transmission time"


class State(Enum):
    DISCONNECTED = "disconnected"
    LOGON_SENT = "logon_sent"  # of an initiator
    LOGON_AWAITED = "logon_awaited"  # of an acceptor
    ESTABLISHED = "established"
    LOGOUT_SENT = "logout_sent"


class Session:
    """One session. Methods that process input return the events it caused; `drain` returns the bytes to send.

    `stored` are the messages that are sent again. A subclass has the role: what is received, and its timeouts."""

    def __init__(
        self,
        identity: Identity,
        sequence: np.ndarray,
        stored: StoredMessages,
        heartbeat_s: int,
        logon_timeout_ns: int,
        logout_timeout_ns: int,
    ) -> None:
        self.sequence = sequence
        self._words = sequence.data  # the same; faster from Python
        self.state = State.DISCONNECTED
        self.identity = identity
        self.sends_test_requests = True
        self.replays_at_once = True  # false: the owner calls `replay`
        self.resend_requests = self.sequence_resets = 0  # sent; received
        self.messages_sent = 0  # of every type
        self._out: list[bytes] = []
        self._replay = Replay(stored, identity)
        self._logon_timeout_ns, self._logout_timeout_ns = logon_timeout_ns, logout_timeout_ns
        self._heartbeat_ns = heartbeat_s * NS_PER_S
        self._last_sent_ns = self._last_received_ns = self._since_ns = 0
        self._test_request: str | None = None
        self._test_request_ns = 0

    # --- connection

    def disconnected(self) -> None:
        """The connection is closed, by either side."""
        self.state = State.DISCONNECTED
        self._words[IN_SEQUENCE] = 0
        self._out.clear()

    def drain(self) -> bytes:
        """Return the bytes to send and clear them."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def logout(self, now_ns: int, wall_ns: int, text: str = "") -> list[Event]:
        """Send a Logout; Disconnect follows the peer's answer or a timeout."""
        if self.state in (State.LOGON_SENT, State.LOGON_AWAITED):
            return self._stop("logout before the logon was answered")
        if self.state is not State.ESTABLISHED:
            return []
        self._send_logout(text, now_ns, wall_ns)
        self.state = State.LOGOUT_SENT
        self._since_ns = now_ns
        return []

    # --- time

    def on_timer(self, now_ns: int, wall_ns: int) -> list[Event]:
        """Send heartbeats and check timeouts. Call it several times per heartbeat interval."""
        if self.state is State.DISCONNECTED:
            return []
        if self.state in (State.LOGON_SENT, State.LOGON_AWAITED):
            late = now_ns - self._since_ns >= self._logon_timeout_ns
            return self._stop("no answer to Logon" if self.state is State.LOGON_SENT else "no Logon") if late else []
        if self.state is State.LOGOUT_SENT:
            late = now_ns - self._since_ns >= self._logout_timeout_ns
            return self._stop("no answer to Logout") if late else []
        if self._test_request is not None and self._last_received_ns > self._test_request_ns:
            self._test_request = None  # any message shows that the peer is alive
        silence_ns = now_ns - max(self._last_received_ns, self._test_request_ns if self._test_request else 0)
        if not self.sends_test_requests and silence_ns >= 2 * _SLACK * self._heartbeat_ns:
            return self._on_unanswered("no message for more than two heartbeat intervals", now_ns, wall_ns)
        if self.sends_test_requests and silence_ns >= _SLACK * self._heartbeat_ns:
            if self._test_request is not None:
                return self._on_unanswered("no answer to TestRequest", now_ns, wall_ns)
            self._test_request = f"TEST-{self._words[NEXT_OUT]}"
            self._test_request_ns = now_ns
            self._send(tags.TEST_REQUEST, ((tags.TestReqID, self._test_request),), now_ns, wall_ns)
        if now_ns - self._last_sent_ns >= self._heartbeat_ns:
            self._send(tags.HEARTBEAT, (), now_ns, wall_ns)
        return self._on_timer_of_role(now_ns, wall_ns)

    def _on_timer_of_role(self, now_ns: int, wall_ns: int) -> list[Event]:
        """Other timeouts of an established session."""
        return []

    def _on_unanswered(self, reason: str, now_ns: int, wall_ns: int) -> list[Event]:
        """The peer does not seem to be alive."""
        return self._end(reason, now_ns, wall_ns)

    def _connect(self, state: State, now_ns: int) -> None:
        """A new connection, in the state before its Logon."""
        self._out.clear()
        self._replay.stop()
        self._test_request = None
        self._words[IN_SEQUENCE] = self._words[AWAITING_RESEND] = 0
        self.state = state
        self._since_ns = self._last_received_ns = now_ns

    # --- ends

    def _end(self, reason: str, now_ns: int, wall_ns: int) -> list[Event]:
        """Unrecoverable: send a Logout with the reason and close."""
        if self.state is not State.LOGOUT_SENT:
            self._send_logout(reason, now_ns, wall_ns)
        return self._stop(reason)

    def _stop(self, reason: str) -> list[Event]:
        self.state = State.DISCONNECTED
        self._words[IN_SEQUENCE] = 0
        return [Disconnect(self._redact(reason))]  # it may quote the peer

    def _redact(self, text: str) -> str:
        """A text of the peer without our secrets."""
        return text

    # --- outgoing

    def _send_logout(self, text: str, now_ns: int, wall_ns: int) -> None:
        self._send(tags.LOGOUT, ((tags.Text, text),) if text else (), now_ns, wall_ns)

    def _send(self, msg_type: str, body: Body, now_ns: int, wall_ns: int) -> None:
        """Send a message that is not sent again."""
        words, identity = self._words, self.identity
        time = identity.sending_time(wall_ns)
        self._out.append(encode(identity, msg_type, words[NEXT_OUT], time, body))
        words[NEXT_OUT] += 1
        self.messages_sent += 1
        self._last_sent_ns = now_ns

    # --- sent again

    @property
    def replaying(self) -> bool:
        """Whether messages that the peer has asked for again are still to be sent."""
        return self._replay.active

    def replay(self, limit: int, now_ns: int, wall_ns: int) -> int:
        """Send at most `limit` of them. Returns how many messages these are."""
        repeated = self._replay.messages(self._words[NEXT_OUT] - 1, limit, wall_ns)
        self._out += repeated
        self.messages_sent += len(repeated)
        self._last_sent_ns = now_ns if repeated else self._last_sent_ns
        return len(repeated)

    def _start_replay(self, begin: int, end: int, now_ns: int, wall_ns: int) -> None:
        """Send messages `begin` to `end` again, 0: to the last one."""
        self._replay.start(begin, end or None)
        if self.replays_at_once:
            self.replay(sys.maxsize, now_ns, wall_ns)
