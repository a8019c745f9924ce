"""Drop copies: sessions that get a copy of the ExecutionReports of other clients.

A copy has CopyMsgIndicator (797) and, in OnBehalfOfCompID (115), the SenderCompID of the client's session. It is an
answer of its own in the ledger, written with the original before that leaves; so it is delivered like the original, see
`quotelife.rfq.delivery.deliveries`. Its sender is a thread of its own: no client waits for another one's copies.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import NamedTuple

import msgspec

from quotelife.config.client_sections import Client
from quotelife.ledger.store import Answer
from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)
_EXECUTION_REPORT = "\x0135=8\x01"
_encode_messages = msgspec.json.Encoder().encode


class _Receiver(NamedTuple):
    """A session that gets copies, of which clients' sessions (None: of all; none where the clients that it names have
    no session) and of which instruments (none named: of all)."""

    session: str
    sessions: frozenset[str] | None
    instruments: frozenset[str]


class DropCopies:
    """The copies that the clients of a configuration are to get."""

    def __init__(self, clients: Sequence[Client]) -> None:
        sessions = {client.name: client.sessions for client in clients}
        self._receivers = [
            _Receiver(
                session,
                frozenset(name for client in receiver.copies.clients for name in sessions[client])
                if receiver.copies.clients
                else None,
                frozenset(receiver.copies.instruments),
            )
            for receiver in clients
            if receiver.role == "drop_copy"
            for session in receiver.sessions
        ]

    def of(self, session: str, messages: Iterable[str], wall_ns: int) -> list[Answer]:
        """The copies of the ExecutionReports among the messages to a client's session."""
        if not self._receivers:
            return []
        copies = []
        for message in messages:
            if _EXECUTION_REPORT not in message:
                continue
            fields = [field.partition("=") for field in message.split("\x01")]
            symbols = {value for tag, _, value in fields if tag in ("55", "600")}
            exec_id = next(value for tag, _, value in fields if tag == "17")
            text = _encode_messages([copy_of(message, session)]).decode()
            for receiver in self._receivers:
                of_session = receiver.sessions is None or session in receiver.sessions
                if of_session and (not receiver.instruments or receiver.instruments & symbols):
                    copies.append(Answer(receiver.session, "8", exec_id, 0, text, wall_ns))
        return copies


def copy_of(report: str, session: str) -> str:
    """The copy of an ExecutionReport to a client's session."""
    head, separator, body = report.partition(_EXECUTION_REPORT)
    return f"{head}{separator}115={session}\x01797=Y\x01{body}"


class CopySender:
    """Calls `send` with each session for which copies were written, from a thread of its own."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._locks: dict[str, threading.Lock] = {}
        self._due: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="drop-copies", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send what is due, and end."""
        self._due.put(None)
        self._thread.join()

    def lock(self, session: str) -> threading.Lock:
        """Held while a session gets what is in the ledger: by its Logon, or by this thread."""
        return self._locks.setdefault(session, threading.Lock())

    def put(self, sessions: Iterable[str]) -> None:
        """Copies for these sessions are in the ledger, and their originals have left."""
        for session in sessions:
            self._due.put(session)

    def _run(self) -> None:
        while (session := self._due.get()) is not None:
            try:
                self._send(session)
            except Exception:  # it stays in the ledger, and is sent after the next Logon
                text = "exception while sending copies to %s"
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, text, session, session=session)
