"""One run: starts venue, service and clients, displays their requests, and prints the summary.

venue --FIX--> service (supervisor and its processes) <--FIX-- clients
  |                                                              |
  +------------------ tape: the market as it was ----------------+--> this process

What only the summary needs is imported when it is made: this process has nothing to do that would delay the others.
"""

import time
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
from quotelife_sim.markets.catalog import is_recorded, symbols_of
from quotelife_sim.markets.market import Scale
from quotelife_sim.options import SHOCK, Options
from quotelife_sim.plan import Plan, scales
from quotelife_sim.processes import CLIENTS, SERVICE, TUNING, VENUE, RunFailed, RunProcesses
from quotelife_sim.report.live_comparison import LiveComparison
from quotelife_sim.start import Start
from quotelife_sim.steps import Steps

if TYPE_CHECKING:
    from quotelife_sim.report.baselines import Histories
    from quotelife_sim.report.live_display import Display
    from quotelife_sim.report.live_page import LivePage
    from quotelife_sim.report.recording import Recording
    from quotelife_sim.venue.tape import Tape

_REFRESH_S = 0.2
_POLL_S = 0.05
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
        recording: "Recording | None" = None,
    ) -> None:
        self.options, self.plan, self.console, self.data_persists = options, plan, console, data_persists
        self.symbols = symbols_of(plan)
        self.deals: dict[int, Deal] = {}
        self.played: dict[str, Any] = {}
        self._steps, self._interruption = steps, interruption
        self._processes, self._recording = RunProcesses(plan), recording
        self._decoder = msgspec.json.Decoder(Deal)
        self._market_ns = 0  # start of play, monotonic
        self._comparison = LiveComparison(self.symbols)
        self._tuning = False  # whether its process runs
        self._settled_ns = 0
        by_symbol = scales(plan.configuration())
        self._scales: dict[str, Scale] = {symbol: by_symbol[symbol] for symbol in self.symbols}
        self._tops, self._read_rows = [(0, 0)] * len(self.symbols), 0
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
                    self._settle()
                    display.refresh(self._market_line())
                if line is None:
                    continue
                if line.source == TUNING:
                    self._on_tuning(line)
                elif line == OutputLine(CLIENTS, "DONE"):
                    return
                elif line.source == CLIENTS and line.text.startswith("{"):
                    self._on_deal(self._decoder.decode(line.text), display)
        finally:
            processes.on_venue_end = None
            display.close()

    def _on_deal(self, deal: Deal, display: "Display") -> None:
        if not self.deals and deal.quoted:
            self._steps.done("first quote")
            if self.plan.market != SHOCK:
                self._processes.start_tuning()
                self._tuning = True
        self.deals[deal.intention.number] = deal
        self._comparison.deal(deal)
        display.deal(deal)

    def _settle(self) -> None:
        if mono_ns() - self._settled_ns >= NS_PER_S:
            self._settled_ns = mono_ns()
            self._comparison.settle(self._settled_ns, self._histories)

    def _histories(self) -> "Histories":
        return dict(zip(self.symbols, self._tape.histories(len(self.symbols)), strict=True))

    def _on_tuning(self, line: OutputLine) -> None:
        """The lifetimes of the careful desk, or the end of the process that tunes them."""
        if line.ended:
            self._tuning = False
            if self._comparison.tuned is None:
                tail = self._processes.log_tail(TUNING)
                self.console.print(f"fixed lifetimes could not be tuned:\n{tail}", style="yellow", markup=False)
        elif line.text.startswith("TUNED "):
            from quotelife_sim.report.baselines import Tuned

            self._comparison.tuned = msgspec.json.decode(line.text.removeprefix("TUNED "), type=Tuned)

    def _on_venue_end(self, why: str, display: "Display") -> None:
        self._venue_restart_ns = mono_ns() + round(VENUE_RESTART_DELAY_S * NS_PER_S)
        display.note(f"the venue ended ({why}); it is restarted in {VENUE_RESTART_DELAY_S:g} s")

    def _restart_venue(self, line: OutputLine | None, display: "Display") -> None:
        """Start the venue when its restart is due, and resume the market where it would be by now."""
        if self._venue_restart_ns and mono_ns() >= self._venue_restart_ns:
            self._venue_restart_ns = 0
            self.venue_restarts += 1
            self._processes.stop(VENUE)
            self._processes.start_venue()
        elif line == OutputLine(VENUE, "READY venue"):
            self._processes.send(VENUE, f"RESUME {self._market_ns}")
            display.note("the venue is back")

    def _make_display(self, start_ns: int) -> "Display":
        from quotelife_sim.report.live_display import Displays, LiveTable, PlainLines
        from quotelife_sim.report.recording import RecordedPage

        title = f"quotelife simulate: {self.plan.market}, seed {self.plan.seed}"
        acceptor = self.plan.configuration().acceptor
        free = f"{acceptor.host}:{acceptor.port}, FIX.4.4, {FREE_SESSION} -> {acceptor.sender_comp_id}"

        def page() -> "LivePage":
            from quotelife_sim.report.live_page import LivePage

            kinds = ["recorded" if is_recorded(self.plan, symbol) else "generated" for symbol in self.symbols]
            return LivePage(start_ns, title, free, self._comparison, kinds)

        on_terminal = self.console.is_terminal
        shown: list[Display] = [
            LiveTable(self.console, page())
            if on_terminal
            else PlainLines(self.console, start_ns, title, free, self._comparison)
        ]
        if self._recording is not None:
            shown.append(RecordedPage(self._recording, page()))
        return Displays(*shown)

    def _market_line(self) -> str:
        """The best prices of each instrument."""
        count = self._tape.count
        for _, instrument, bid, ask in self._tape.rows[self._read_rows : count].tolist():
            self._tops[instrument] = (bid, ask)
        self._read_rows = count
        shown = (
            f"{symbol} {scale.price(bid)} / {scale.price(ask)}"
            for (symbol, scale), (bid, ask) in zip(self._scales.items(), self._tops, strict=True)
        )
        return "   ".join(shown)

    # --- end

    def _read_venue_statistics(self) -> None:
        """Stop service and venue, whose last line holds its statistics, and wait for the end of the tuning."""
        self._processes.stop(SERVICE)
        self._processes.stop(VENUE)
        with self.console.status("Tuning fixed lifetimes on the minutes before ..."):
            while self._tuning and not self._interruption.repeated:
                self._on_last_lines()
                time.sleep(_POLL_S)
        self._on_last_lines()

    def _on_last_lines(self) -> None:
        for line in self._processes.unread():
            if line.source == TUNING:
                self._on_tuning(line)
            elif line.source == VENUE and line.text.startswith("PLAYED "):
                self.played = msgspec.json.decode(line.text.removeprefix("PLAYED "))

    def _report(self) -> int:
        from quotelife_sim.report.final_report import FinalReport

        report = FinalReport(self.options, self.plan, self.console, self.data_persists, self._recording)
        tuned = self._comparison.tuned
        return report.write(self.deals, self._histories(), tuned, self.played, self.venue_restarts, self._market_ns)
