"""Which answers to hits a client has: each ExecutionReport is sent until its client has confirmed it.

That the engine has accepted a message says little: the connection may be lost before the client reads it. So the client
is asked with a TestRequest (1). Its Heartbeat (0) with the same TestReqID (112) follows everything that was sent
before, gaps included: a client answers a TestRequest only once it has processed all messages before it.

    NOT_SENT    at the next Logon: sent, as a possible resend
    SENT        under a sequence number of the engine, whose client asks for what it misses. If the session's numbers
                start again, nobody asks: sent once more, as a possible resend
    DELIVERED   confirmed; or an answer without an ExecutionReport, which binds nobody

The states are in the ledger, so they outlive a restart.
"""

import sqlite3
import threading
from collections.abc import Sequence
from itertools import count

import msgspec

from quotelife.ledger.store import DELIVERED, NOT_SENT, SENT, Key, Ledger
from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)
_EXECUTION_REPORT = "\x0135=8\x01"
_POSS_RESEND = "97=Y\x01"
_decode_messages = msgspec.json.Decoder(list[str]).decode


class Deliveries:
    """Of all sessions; thread-safe. Without a ledger nothing is confirmed, since nothing is ever sent again."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._marks: list[tuple[Key, int]] = []  # not yet in the ledger
        self._unconfirmed: dict[str, list[Key]] = {}  # sent over the session's connection, by session
        self._asked: dict[str, tuple[str, list[Key]]] = {}  # TestReqID, and what its answer confirms
        self._ids = count(1)

    def on_sent(self, key: Key, messages: Sequence[str]) -> None:
        """The engine has accepted an answer that is in the ledger."""
        has_report = any(_EXECUTION_REPORT in message for message in messages)
        with self._lock:
            self._marks.append((key, SENT if has_report else DELIVERED))
            if has_report:
                self._unconfirmed.setdefault(key[0], []).append(key)

    def due(self) -> list[tuple[str, str]]:
        """Sessions to which a TestRequest is to be sent now, with its TestReqID: at most one at a time each."""
        due = []
        with self._lock:
            for session in [s for s, keys in self._unconfirmed.items() if keys and s not in self._asked]:
                test_req_id = f"heard-{next(self._ids)}"
                self._asked[session] = test_req_id, self._unconfirmed.pop(session)
                due.append((session, test_req_id))
        return due

    def on_heartbeat(self, session: str, test_req_id: str) -> None:
        """A Heartbeat of the client with a TestReqID, which may be one of the engine's."""
        with self._lock:
            asked_id, keys = self._asked.get(session, (None, []))
            if test_req_id == asked_id:
                del self._asked[session]
                self._marks += [(key, DELIVERED) for key in keys]

    def on_logon(self, session: str, is_renumbered: bool) -> list[tuple[Key, list[str]]]:
        """The client has logged on; `is_renumbered` if its session's numbers start from 1. Returns what is to be sent
        to it, with PossResend (97); `on_sent` once it is."""
        with self._lock:
            self._unconfirmed.pop(session, None)
            self._asked.pop(session, None)
        if self._ledger is None:
            return []
        self.flush()
        to_send, waits = [], []
        for answer, state in self._ledger.unconfirmed_answers(session):
            key = answer.session, answer.kind, answer.id
            if state == NOT_SENT or is_renumbered:
                messages = _decode_messages(answer.answer)
                reports = [text for text in messages if _EXECUTION_REPORT in text]  # states are out of date by now
                to_send.append((key, [poss_resend(text) for text in reports or messages]))
            else:
                waits.append(key)
        with self._lock:
            self._unconfirmed[session] = waits
        return to_send

    def new(self, session: str) -> list[tuple[Key, list[str]]]:
        """Answers for a session that is logged on which were not sent yet: copies of what was sent to others."""
        if self._ledger is None:
            return []
        self.flush()
        with self._lock:
            sent = {key for key, _ in self._marks}  # where the ledger could not be written
        found = [a for a, state in self._ledger.unconfirmed_answers(session) if state == NOT_SENT]
        keyed = [((a.session, a.kind, a.id), _decode_messages(a.answer)) for a in found]
        return [(key, messages) for key, messages in keyed if key not in sent]

    def flush(self) -> None:
        """Write the states since the last call to the ledger; if that fails, with the next call."""
        with self._flushing:  # in order
            with self._lock:
                marks, self._marks = self._marks, []
            if self._ledger is None or not marks:
                return
            try:
                self._ledger.mark(marks)
            except sqlite3.Error as error:
                logger.error(LogEvent.LEDGER_WRITE_FAILED, "%d answers not marked as sent: %s", len(marks), error)
                with self._lock:
                    self._marks = marks + self._marks


def poss_resend(text: str) -> str:
    """The same message, which the client may have received before."""
    at = text.index("\x01", text.index("\x0135=") + 1) + 1
    return text[:at] + _POSS_RESEND + text[at:]
