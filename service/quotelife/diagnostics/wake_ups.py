"""What this machine loses to sleep and to sharing: measured in half a second, for the advice on `[machine]`."""

import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple

from quotelife.runtime.clock import NS_PER_S, mono_ns

_ECHO = Path(__file__).with_name("echo.py")
_MEASURED_NS = 200_000_000
_PAUSE_S = 0.001  # in which the other process falls asleep
_TIMEOUT_S = 5.0
_WATCHED_NS = 200_000_000
_INTERRUPTION_NS = 20_000  # a longer step of the loop than any of its own
_US = 1e3


class WakeUps(NamedTuple):
    """Median round trip to a process that sleeps until it is asked, and to one that polls, in us."""

    asleep_us: float
    polling_us: float

    @property
    def saved_us(self) -> float:
        """What polling saves of an answer."""
        return max(self.asleep_us - self.polling_us, 0.0)


class Interruptions(NamedTuple):
    """How often, for how long at most, and for which share of the time a busy process did not have its core."""

    times: int
    longest_us: float
    share: float


def measure_wake_ups() -> WakeUps:
    """Measure this machine; it takes two cores for a fifth of a second each. OSError if no process can be started or
    it does not answer."""
    return WakeUps(_round_trip_us("sleep"), _round_trip_us("poll"))


def measure_interruptions() -> Interruptions:
    """Watch a loop on the core that this process has now, for a fifth of a second."""
    steps = []
    began_ns = before_ns = mono_ns()
    while before_ns - began_ns < _WATCHED_NS:
        now_ns = mono_ns()
        if now_ns - before_ns > _INTERRUPTION_NS:
            steps.append(now_ns - before_ns)
        before_ns = now_ns
    return Interruptions(len(steps), max(steps, default=0) / _US, sum(steps) / (before_ns - began_ns))


def _round_trip_us(how: Literal["sleep", "poll"]) -> float:
    """The median of round trips from a process that polls, so that only the other one may sleep."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-I", "-S", str(_ECHO), str(theirs.fileno()), how]
        with subprocess.Popen(command, pass_fds=(theirs.fileno(),)) as process:
            try:
                theirs.close()
                ours.settimeout(_TIMEOUT_S)
                _exchange(ours)  # it has started
                ours.setblocking(False)
                took_ns: list[int] = []
                end_ns = mono_ns() + _MEASURED_NS
                while not took_ns or mono_ns() < end_ns:
                    time.sleep(_PAUSE_S)
                    took_ns.append(_exchange(ours))
                return statistics.median(took_ns) / _US
            finally:
                process.kill()


def _exchange(sock: socket.socket) -> int:
    """One round trip in ns."""
    began_ns = mono_ns()
    sock.send(b"x")
    while True:
        try:
            if not sock.recv(1):
                raise ConnectionError("the measured process has ended")
            return mono_ns() - began_ns
        except BlockingIOError:
            if mono_ns() - began_ns > _TIMEOUT_S * NS_PER_S:
                raise TimeoutError("the measured process does not answer") from None
