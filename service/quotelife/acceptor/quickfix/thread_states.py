"""Python's state of the engine's threads, kept while a session is logged on.

A thread that Python has not made gets a state at the beginning of each callback and loses it at the end: a system call
that maps its stack, a page fault or two, one that unmaps it, and the other processors told to forget the page. That is
done at every message, and again for whatever hangs on the state, as `threading.local` does. One reference more, and the
state stays until that is given back.
"""

import ctypes
import threading

_ensure, _release = ctypes.pythonapi.PyGILState_Ensure, ctypes.pythonapi.PyGILState_Release
_release.argtypes, _release.restype = [ctypes.c_int], None
_LOCKED = 0  # as it was before `keep`: the lock is not given up by `leave`


class ThreadStates:
    """Call both from the thread that is meant, within a callback."""

    def __init__(self) -> None:
        self._own = threading.local()  # it hangs on the state: who finds `kept` has the state that was kept

    def keep(self) -> None:
        """The state of this thread stays."""
        if not getattr(self._own, "kept", False):
            _ensure()
            self._own.kept = True

    def leave(self) -> None:
        """It goes with the end of this callback, if it was kept."""
        if getattr(self._own, "kept", False):
            self._own.kept = False
            _release(_LOCKED)
