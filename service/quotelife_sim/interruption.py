"""The end of a run by a signal: with the summary so far and nothing left behind, whenever the signal comes.

Before a process is started, a signal ends the command by an exception, so that every context is left in order. From
`defer` on it only sets `requested`, which the run looks at: its processes are then stopped one after the other.

SIGINT is handled even where it was ignored at the start, as a script's shell has it for a command in the background:
who sends it nevertheless wants the run to end. SIGHUP stays ignored where it was: that is what nohup is for.
"""

import signal
import threading
from collections.abc import Callable
from types import TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal has come before the run has started."""


class Interruption:
    """A context; it does nothing outside the main thread, where signals cannot be handled."""

    def __init__(self) -> None:
        self._count = 0
        self._deferred = False
        self._before: dict[int, object] = {}
        self.on_hangup: Callable[[], None] = lambda: None

    @property
    def requested(self) -> bool:
        return self._count > 0

    @property
    def repeated(self) -> bool:
        """Whether the user wants an end without waiting for the whole summary."""
        return self._count > 1

    def defer(self) -> None:
        """From now on a signal no longer raises. Interrupted if one has come already."""
        self._deferred = True
        if self.requested:
            raise Interrupted

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                before = signal.getsignal(number)
                if number == signal.SIGHUP and before == signal.SIG_IGN:
                    continue
                self._before[number] = before
                signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _handle(self, number: int, _frame: object) -> None:
        self._count += 1
        if number == signal.SIGHUP:  # the terminal is gone
            self.on_hangup()
        if not self._deferred:
            self._deferred = True  # a second signal does not disturb the contexts that are being left
            raise Interrupted
