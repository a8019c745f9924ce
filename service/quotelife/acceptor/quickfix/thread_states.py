"""Retains Python's thread state of the engine's threads while their session is logged on.

Engine defect: each callback creates a Python thread state and destroys it at its end. That maps and unmaps a stack,
costs page faults and a TLB shootdown on the other processors, and the same again for everything that depends on the
state, such as `threading.local`. One additional reference retains the state until it is released.
"""

import ctypes
import threading

_ensure, _release = ctypes.pythonapi.PyGILState_Ensure, ctypes.pythonapi.PyGILState_Release
_release.argtypes, _release.restype = [ctypes.c_int], None
_LOCKED = 0  # PyGILState_LOCKED, as before `retain`: releasing does not give up the interpreter lock


class ThreadStateRetainer:
    """Both methods act on the calling thread and must be called within a callback."""

    def __init__(self) -> None:
        self._local = threading.local()  # depends on the thread state: `retained` is present only if that was retained

    def retain(self) -> None:
        """Retain this thread's state beyond the callback."""
        if not getattr(self._local, "retained", False):
            _ensure()
            self._local.retained = True

    def release(self) -> None:
        """Let a retained state end with this callback."""
        if getattr(self._local, "retained", False):
            self._local.retained = False
            _release(_LOCKED)
