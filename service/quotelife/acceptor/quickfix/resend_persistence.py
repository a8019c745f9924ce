"""Limits what the engine stores for a resend to what `acceptor/common/stored_types.py` says.

Engine defect: every message is stored: two files are written and flushed before it leaves, and an entry is added in
memory that is never removed. MessageStore cannot be subclassed from Python.
Engine defect: the gap after a stored message that is not sent again (DoNotSend) is filled wrongly, so such a message
must not be stored.

The engine reads PersistMessages of a session at each message, after `toApp`. So it is switched there, which costs
nothing while the value does not change. It must be on while a ResendRequest is answered.

Engine defect: a Logon whose NextExpectedMsgSeqNum (789) is too low is answered by a resend too, within the Logon and
after `onLogon`. With the switch off, the engine fills the gap over every message stored. So the switch is turned on as
the last step of `onLogon`, and stays on until the resend has started.
"""

import threading
from typing import Protocol


class PersistSwitch(Protocol):
    """The engine's session."""

    def getExpectedSenderNum(self) -> int: ...

    def getPersistMessages(self) -> bool: ...

    def setPersistMessages(self, value: bool) -> None: ...


class ResendPersistence:
    """Of one session. `set_persist` is called with the engine's lock of the session held, the others without."""

    def __init__(self, session: PersistSwitch) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._enabled = session.getPersistMessages()  # otherwise nothing is ever stored
        self._persist = self._enabled
        self._resend_pending = False
        self._resend_after_logon = False
        self.set_persist(False)

    def set_persist(self, persist: bool) -> None:
        """Whether the engine stores the message that it is about to send."""
        if persist is self._persist or not self._enabled:
            return
        with self._lock:
            if not self._resend_pending:
                self._session.setPersistMessages(persist)
                self._persist = persist

    def on_resend_request(self) -> None:
        """A ResendRequest has arrived; the engine answers it after this returns."""
        if not self._enabled:
            return
        with self._lock:
            self._resend_pending = True
            self._session.setPersistMessages(True)
            self._persist = True

    def on_logon_received(self, next_expected: int) -> None:
        """A Logon has arrived, before the engine answers it; `next_expected` is its NextExpectedMsgSeqNum (789), or 0.
        The engine compares it in the same way."""
        self._resend_after_logon = 0 < next_expected < self._session.getExpectedSenderNum()

    def on_logged_on(self) -> None:
        """The Logon has been answered. If it asked for a resend, the engine resends after this returns."""
        if self._resend_after_logon:
            self._resend_after_logon = False
            self.on_resend_request()

    def on_resend_started(self) -> None:
        """The engine is answering the request, and sends nothing else until it has finished."""
        with self._lock:
            self._resend_pending = False
