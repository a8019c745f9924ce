"""One client's session, for as long as the process lives: what outlives its connections."""

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from quotelife.acceptor.common.stored_types import is_stored
from quotelife.fix.acceptor import AcceptorSession
from quotelife.fix.versions import Translate
from quotelife.rfq import messages
from quotelife.rfq.delivery.client_rejects import RecentlySent
from quotelife.runtime.clock import mono_ns, wall_ns

if TYPE_CHECKING:
    from quotelife.acceptor.native.connection import Connection


class ClientSession:
    """`lock` guards the state machine `fix` and the connection's socket, so that messages leave in the order of their
    numbers. `translate` is for what the handler writes (None: nothing to translate)."""

    def __init__(self, name: str, fix: AcceptorSession, translate: Translate | None) -> None:
        self.name, self.fix, self.translate = name, fix, translate
        self.lock = threading.Lock()
        self.recent: RecentlySent = RecentlySent(int)
        self.connection: Connection | None = None
        self.is_free = True  # no connection, and what the last one received has been handled
        self.is_renumbered = False  # its numbers started from 1 with the last Logon

    def send(self, text: str) -> bool:
        """Send a message of the handler; False if the session is not logged on. OSError if it cannot be stored."""
        outgoing = text if self.translate is None else self.translate(text)
        with self.lock:
            fix = self.fix
            seq_num = fix.send(outgoing, is_stored(text), mono_ns(), wall_ns())
            self.recent.add(seq_num, text)
            if self.connection is None or not fix.is_logged_on:
                return False
            self.connection.flush()
        return True

    def send_all(self, texts: Iterable[str]) -> bool:
        """Send messages; False if one of them was not accepted."""
        accepted = True
        for text in texts:
            accepted = self.send(text) and accepted
        return accepted

    def ask(self, test_req_id: str) -> None:
        """Send a TestRequest."""
        with self.lock:
            if self.connection is not None and self.fix.is_logged_on:
                self.fix.send(messages.test_request(test_req_id), False, mono_ns(), wall_ns())
                self.connection.flush()

    def can_send(self) -> bool:
        """Whether a message that the client has not asked for can be sent. If not, the session is cut off, because it
        would not learn that its quotes are withdrawn."""
        with self.lock:
            connection = self.connection
            if connection is None or connection.outbox.has_room():
                return True
            unread = connection.outbox.unread()
        connection.cut_off("not_reading", f"a QuoteCancel or Quote is due and {unread} bytes are unsent")
        return False

    def find_sent(self, seq_num: int) -> str | None:
        """What was sent under a MsgSeqNum: of the last messages any, of older ones what is stored."""
        with self.lock:
            stored = None if (recent := self.recent.find(seq_num)) else self.fix.store.find(seq_num)
        return recent or (stored.decode("utf-8", "replace") if stored is not None else None)
