"""The start of a run: all processes at once, then the market, the Logons, and the time of the first request.

The market begins to play as soon as the service follows it, while the quoting process still warms up. The clients log
on when the service is ready.
"""

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from quotelife_sim.child_process import OutputLine
from quotelife_sim.interruption import Interruption
from quotelife_sim.options import SHOCK
from quotelife_sim.plan import Plan
from quotelife_sim.processes import CLIENTS, SERVICE, VENUE, RunFailed, RunProcesses
from quotelife_sim.steps import Steps

START_TIMEOUT_S = 180.0  # of processes on a busy machine; the kernels have been compiled before
WARM_UP_NS = NS_PER_S  # of the market, before the first request
_LEAD_NS = 100 * NS_PER_MS  # from the command PLAY to the first event
_POLL_S = 0.2


class Start:
    """Which processes are ready, and since when the market plays."""

    def __init__(self, plan: Plan, processes: RunProcesses, steps: Steps, instruments: int) -> None:
        self._plan, self._processes, self._steps = plan, processes, steps
        self._followed = f"FOLLOWED {instruments}"
        self._ready: set[str] = set()
        self.market_ns = 0  # start of play, monotonic

    def run(self, interruption: Interruption) -> int:
        """Start everything; returns the time of the first request. RunFailed if it is not ready in time."""
        processes = self._processes
        processes.start_service()  # which takes longest
        processes.start_venue()
        processes.start_clients()
        self._steps.done("venue, service and clients started")
        deadline_ns = mono_ns() + round(START_TIMEOUT_S * NS_PER_S)
        while not {SERVICE, VENUE, CLIENTS, self._followed} <= self._ready:
            if interruption.requested:
                raise RunFailed("interrupted before anything was played")
            if (line := processes.read(_POLL_S)) is not None:
                self._on_line(line)
            if mono_ns() > deadline_ns:
                missing = sorted({SERVICE, VENUE, CLIENTS} - self._ready) or ["market data"]
                raise RunFailed(f"not ready after {START_TIMEOUT_S:g} s: {', '.join(missing)}")
        return self._first_request_ns()

    def _on_line(self, line: OutputLine) -> None:
        if line == OutputLine(VENUE, "READY venue"):
            self._mark(VENUE, "venue ready")
        elif line == OutputLine(VENUE, self._followed):
            self._mark(self._followed, "service subscribed the market data")
            if self._plan.market != SHOCK:
                self._play()
        elif line.source == SERVICE and line.text.startswith("READY quotelife"):
            self._mark(SERVICE, "service ready")
        elif line == OutputLine(CLIENTS, "READY clients"):
            self._mark(CLIENTS, "clients logged on")
            return
        if {SERVICE, VENUE} <= self._ready and CLIENTS not in self._ready:
            self._processes.send(CLIENTS, "LOGON")

    def _mark(self, what: str, step: str) -> None:
        if what not in self._ready:
            self._ready.add(what)
            self._steps.done(step)

    def _play(self) -> None:
        if not self.market_ns:
            self.market_ns = mono_ns() + _LEAD_NS
            self._processes.send(VENUE, f"PLAY {self.market_ns}")

    def _first_request_ns(self) -> int:
        """A scenario begins now, for venue and clients alike; another market plays already."""
        self._play()
        scripted = self._plan.market == SHOCK
        start_ns = self.market_ns if scripted else max(self.market_ns + WARM_UP_NS, mono_ns())
        self._processes.send(CLIENTS, f"PLAY {start_ns}")
        return start_ns
