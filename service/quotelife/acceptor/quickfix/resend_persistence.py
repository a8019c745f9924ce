"""What the engine keeps of a session to send it again: ExecutionReports. All else is gap-filled when it is asked for.

The engine keeps every message: it writes two files and flushes them before the message leaves, and adds an entry in
memory that it never drops. It asks `PersistMessages` of a session at each message, after `toApp`; so that is switched
there, which costs nothing as long as nothing changes. It must be on while a ResendRequest is answered.

Nothing that will not be sent again may be kept: the engine fills the gap behind such a message wrongly.
"""

import threading
from typing import Protocol


class Switch(Protocol):
    """The engine's session."""

    def getPersistMessages(self) -> bool: ...

    def setPersistMessages(self, value: bool) -> None: ...


class Keeping:
    """One session's. `keep` is called with the engine's lock of the session held, `asked` without."""

    def __init__(self, session: Switch) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._wanted = session.getPersistMessages()  # else nothing is ever kept
        self._on = self._wanted
        self._asked = False
        self.keep(False)

    def keep(self, kept: bool) -> None:
        """Whether the message that goes out now is kept."""
        if kept is self._on or not self._wanted:
            return
        with self._lock:
            if not self._asked:
                self._session.setPersistMessages(kept)
                self._on = kept

    def asked(self) -> None:
        """A ResendRequest has come, and is answered once this returns."""
        if not self._wanted:
            return
        with self._lock:
            self._asked = True
            self._session.setPersistMessages(True)
            self._on = True

    def answering(self) -> None:
        """It is being answered: nothing else goes out until that is done."""
        with self._lock:
            self._asked = False
