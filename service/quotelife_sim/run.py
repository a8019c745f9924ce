"""One run: starts venue, service and clients, displays their requests, and prints the summary.

venue --FIX--> service (supervisor and its processes) <--FIX-- clients
  |                                                              |
  +------------------ tape: the market as it was ----------------+--> this process

What only the summary needs is imported when it is made: this process has nothing to do that would delay the others.
"""

from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_sim.child_process import OutputLine
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.requests import FREE_SESSION
from quotelife_sim.interruption import Interruption
from quotelife_sim.markets.catalog import symbols_of
from quotelife_sim.options import Options
from quotelife_sim.plan import Plan
from quotelife_sim.processes import CLIENTS, SERVICE, VENUE, RunFailed, RunProcesses
from quotelife_sim.report.live_display import Display, LiveTable, PlainLines
from quotelife_sim.start import Start
from quotelife_sim.steps import Steps

if TYPE_CHECKING:
    from quotelife_sim.venue.tape import Tape

_REFRESH_S = 0.2
VENUE_RESTART_DELAY_S = 3.0


class SimulationRun:
    def __init__(
        self,
        options: Options,
        plan: Plan,
        console: Console,
        steps: Steps,
        interruption: Interruption,
        data_persists: bool = False,
    ) -> None:
        self.options, self.plan, self.console, self.data_persists = options, plan, console, data_persists
        self.symbols = symbols_of(plan)
        self.deals: dict[int, Deal] = {}
        self.played: dict[str, Any] = {}
        self._steps, self._interruption = steps, interruption
        self._processes = RunProcesses(plan)
        self._decoder = msgspec.json.Decoder(Deal)
        self._market_ns = 0  # start of play, monotonic
        self._venue_restart_ns = 0  # when a venue that has ended is started again; 0 while it runs
        self.venue_restarts = 0

    def execute(self) -> int:
        """Run and return the exit code. Every process that was started is stopped in any case."""
        self._interruption.defer()
        self._interruption.on_hangup = self._on_hangup
        with ExitStack() as stack:
            stack.callback(self._processes.stop_all)
            try:
                self.plan.write()
                start = Start(self.plan, self._processes, self._steps, len(self.symbols))
                start_ns = start.run(self._interruption)
                self._market_ns = start.market_ns
                self._watch(start_ns)
                self._read_venue_statistics()
            except RunFailed as failed:
                self.console.print(str(failed), style="red", highlight=False, markup=False)
                return failed.code
            return self._report()

    def _on_hangup(self) -> None:
        self.console.quiet = True

    # --- play

    @cached_property
    def _tape(self) -> "Tape":
        """Attached when it is first needed, which is after the first quote: its module takes a second to import."""
        from quotelife_sim.venue.tape import Tape

        return Tape.attach(self.plan.tape)

    def _watch(self, start_ns: int) -> None:
        """Display deals until the clients have finished or the user interrupts."""
        display, processes = self._make_display(start_ns), self._processes
        processes.on_venue_end = lambda why: self._on_venue_end(why, display)
        try:
            stop_sent = False
            while True:
                if self._interruption.requested and not stop_sent:
                    processes.send(CLIENTS, "STOP")
                    stop_sent = True
                line = processes.read(_REFRESH_S)
                self._restart_venue(line, display)
                if self.deals and (line is None or not processes.waiting()):
                    display.refresh(self._market_line(self._tape))
                if line is None or line.source != CLIENTS:
                    continue
                if line.text == "DONE":
                    return
                if line.text.startswith("{"):
                    self._on_deal(self._decoder.decode(line.text), display)
        finally:
            processes.on_venue_end = None
            display.close()

    def _on_deal(self, deal: Deal, display: Display) -> None:
        if not self.deals and deal.quoted:
            self._steps.done("first quote")
        self.deals[deal.intention.number] = deal
        display.deal(deal)

    def _on_venue_end(self, why: str, display: Display) -> None:
        self._venue_restart_ns = mono_ns() + round(VENUE_RESTART_DELAY_S * NS_PER_S)
        display.note(f"the venue ended ({why}); it is restarted in {VENUE_RESTART_DELAY_S:g} s")

    def _restart_venue(self, line: OutputLine | None, display: Display) -> None:
        """Start the venue when its restart is due, and resume the market where it would be by now."""
        if self._venue_restart_ns and mono_ns() >= self._venue_restart_ns:
            self._venue_restart_ns = 0
            self.venue_restarts += 1
            self._processes.stop(VENUE)
            self._processes.start_venue()
        elif line == OutputLine(VENUE, "READY venue"):
            self._processes.send(VENUE, f"RESUME {self._market_ns}")
            display.note("the venue is back")

    def _make_display(self, start_ns: int) -> Display:
        title = f"quotelife simulate: {self.plan.market}, seed {self.plan.seed}"
        acceptor = self.plan.configuration().acceptor
        free = f"{acceptor.host}:{acceptor.port}, FIX.4.4, {FREE_SESSION} -> {acceptor.sender_comp_id}"
        kind = LiveTable if self.console.is_terminal else PlainLines
        return kind(self.console, start_ns, title, free)

    def _market_line(self, tape: "Tape") -> str:
        """The first instrument's best prices, in ticks."""
        rows = tape.rows[max(tape.count - 200, 0) : tape.count]
        for _, instrument, bid, ask in rows[::-1].tolist():
            if instrument == 0:
                return f"{self.symbols[0]}  {bid} / {ask} ticks   {tape.count} changes of the best prices"
        return ""

    # --- end

    def _read_venue_statistics(self) -> None:
        """Stop service and venue, whose last line holds its statistics."""
        self._processes.stop(SERVICE)
        self._processes.stop(VENUE)
        if (statistics := self._processes.last_line(VENUE, "PLAYED ")) is not None:
            self.played = msgspec.json.decode(statistics)

    def _report(self) -> int:
        from quotelife_sim.report.final_report import FinalReport

        report = FinalReport(self.options, self.plan, self.console, self.data_persists)
        return report.write(self.deals, self._tape, self.played, self.venue_restarts)
