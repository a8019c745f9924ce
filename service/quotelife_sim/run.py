"""One run: starts venue, service and clients, displays their requests, and prints the summary.

venue --FIX--> service (supervisor and its processes) <--FIX-- clients
  |                                                              |
  +------------------ tape: the market as it was ----------------+--> this process
"""

import queue
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from quotelife.config.paths import data_paths
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, describe_exit
from quotelife_sim.child_process import ChildProcess, OutputLine
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.requests import FREE_SESSION
from quotelife_sim.configuration import config_option
from quotelife_sim.journal_features import add_features, decision_of, withdrawal_latency_ns
from quotelife_sim.markets.catalog import make_market, symbols_of
from quotelife_sim.options import SHOCK, Options
from quotelife_sim.outcome import TRANSIT_NS
from quotelife_sim.plan import Plan
from quotelife_sim.report.baseline_tables import print_baselines
from quotelife_sim.report.baselines import OWN_NS, Histories, compare_with_fixed
from quotelife_sim.report.live_display import Display, LiveTable, PlainLines
from quotelife_sim.report.minutes_before import quote_minutes_before
from quotelife_sim.report.shock_layers import Layer, QuoteLayers
from quotelife_sim.report.shock_report import print_shock, shocked_deal
from quotelife_sim.report.summary import ended_quotes, summarise
from quotelife_sim.report.summary_tables import print_summary
from quotelife_sim.venue.tape import H_START_NS, Tape

START_TIMEOUT_S = 180.0  # the first start compiles the kernels
_LEAD_NS = 300 * NS_PER_MS  # from the command PLAY to the first event
WARM_UP_NS = 3 * NS_PER_S  # of the market, before the first request
_REFRESH_S = 0.2
VENUE_RESTART_DELAY_S = 3.0


class RunFailed(Exception):
    """The run cannot continue; the text says why."""

    def __init__(self, reason: str, code: int = EXIT_FAILED) -> None:
        super().__init__(reason)
        self.code = code


class SimulationRun:
    def __init__(self, options: Options, plan: Plan, console: Console, data_persists: bool = False) -> None:
        self.options, self.plan, self.console, self.data_persists = options, plan, console, data_persists
        self.symbols = symbols_of(plan)
        self.deals: dict[int, Deal] = {}
        self.played: dict[str, Any] = {}
        self._lines: queue.Queue[OutputLine] = queue.Queue()
        self._children: dict[str, ChildProcess] = {}
        self._decoder = msgspec.json.Decoder(Deal)
        self._interrupted = threading.Event()
        self._market_ns = 0  # start of play, monotonic
        self._venue_restart_ns = 0  # when a venue that has ended is started again; 0 while it runs
        self.venue_restarts = 0
        self._display: Display | None = None

    def execute(self) -> int:
        """Run and return the exit code. Every process that was started is stopped in any case."""
        with ExitStack() as stack:
            stack.callback(self._stop_children)
            self._catch_signals(stack)
            try:
                self._start(stack)
                start_ns = self._play()
                tape = Tape.attach(self.plan.tape)
                self._watch(start_ns, tape)
                self._read_venue_statistics()
            except RunFailed as failed:
                self.console.print(str(failed), style="red", highlight=False, markup=False)
                return failed.code
            return self._report(tape)

    # --- start

    def _start(self, stack: ExitStack) -> None:
        plan_file = str(self.plan.write())
        self._start_venue()
        self._await("the venue", lambda line: line == OutputLine("venue", "READY venue"))
        self._child(
            "service",
            ["quotelife.cli", "serve", "--from-simulator", "--config", self.plan.config],
            ends_with_input=False,
        )
        self._child("clients", ["quotelife_sim.clients.oms", plan_file])
        waiting = {"the service's subscriptions", "the clients' logons"}

        def ready(line: OutputLine) -> bool:
            if line.source == "venue" and line.text == f"FOLLOWED {len(self.symbols)}":
                waiting.discard("the service's subscriptions")
            if line == OutputLine("clients", "READY clients"):
                waiting.discard("the clients' logons")
            return not waiting

        self._await("the service", ready)

    def _start_venue(self) -> None:
        self._child("venue", ["quotelife_sim.venue.process", str(self.plan.file)])

    def _child(self, name: str, arguments: list[str], ends_with_input: bool = True) -> None:
        log = Path(self.plan.directory) / f"{name}.log"
        self._children[name] = ChildProcess(name, arguments, self._lines, log, ends_with_input)

    def _await(self, what: str, done: Callable[[OutputLine], bool]) -> None:
        with self.console.status(f"Waiting for {what} (the first start compiles, which takes a minute) ..."):
            deadline_ns = mono_ns() + round(START_TIMEOUT_S * NS_PER_S)
            while True:
                if self._interrupted.is_set():
                    raise RunFailed("interrupted before anything was played")
                line = self._read_line(_REFRESH_S)
                if line is not None and done(line):
                    return
                if mono_ns() > deadline_ns:
                    raise RunFailed(f"{what} was not ready after {START_TIMEOUT_S:g} s")

    def _read_line(self, seconds: float) -> OutputLine | None:
        """The next line of any process; None if there is none in time; RunFailed if a process ended unexpectedly.

        The venue may end: the service then refuses requests, and quotes again once the venue is back.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line.ended:
            child = self._children[line.source]
            code = child.exit_code() or 0
            if line.source == "venue" and self._display is not None:
                self._venue_restart_ns = mono_ns() + round(VENUE_RESTART_DELAY_S * NS_PER_S)
                self._display.note(
                    f"the venue ended ({describe_exit(code)}); it is restarted in {VENUE_RESTART_DELAY_S:g} s"
                )
                return line
            log = f":\n{tail}" if (tail := child.log_tail()) else " without a message"
            reason = f"the {line.source} process ended unexpectedly ({describe_exit(code)}){log}"
            raise RunFailed(reason, EXIT_CONFIG if code == EXIT_CONFIG else EXIT_FAILED)
        return line

    # --- play

    def _play(self) -> int:
        """Send the start time to venue and clients; returns the time of the first request."""
        self._market_ns = market_ns = mono_ns() + _LEAD_NS
        warm_up_ns = 0 if self.plan.market == SHOCK else WARM_UP_NS
        self._children["venue"].send_line(f"PLAY {market_ns}")
        self._children["clients"].send_line(f"PLAY {market_ns + warm_up_ns}")
        return market_ns + warm_up_ns

    def _watch(self, start_ns: int, tape: Tape) -> None:
        """Display deals until the clients have finished or the user interrupts."""
        display = self._display = self._make_display(start_ns)
        try:
            stop_sent = False
            while True:
                if self._interrupted.is_set() and not stop_sent:
                    self._children["clients"].send_line("STOP")
                    stop_sent = True
                line = self._read_line(_REFRESH_S)
                self._restart_venue(line)
                if line is None or self._lines.empty():
                    display.refresh(self._market_line(tape))
                if line is None or line.source != "clients":
                    continue
                if line.text == "DONE":
                    return
                if line.text.startswith("{"):
                    deal = self._decoder.decode(line.text)
                    self.deals[deal.intention.number] = deal
                    display.deal(deal)
        finally:
            self._display = None
            display.close()

    def _restart_venue(self, line: OutputLine | None) -> None:
        """Start the venue when its restart is due, and resume the market where it would be by now."""
        if self._venue_restart_ns and mono_ns() >= self._venue_restart_ns:
            self._venue_restart_ns = 0
            self.venue_restarts += 1
            self._children["venue"].stop()
            self._start_venue()
        elif line == OutputLine("venue", "READY venue") and self._display is not None:
            self._children["venue"].send_line(f"RESUME {self._market_ns}")
            self._display.note("the venue is back")

    def _make_display(self, start_ns: int) -> Display:
        title = f"quotelife simulate: {self.plan.market}, seed {self.plan.seed}"
        acceptor = self.plan.configuration().acceptor
        free = f"{acceptor.host}:{acceptor.port}, FIX.4.4, {FREE_SESSION} -> {acceptor.sender_comp_id}"
        kind = LiveTable if self.console.is_terminal else PlainLines
        return kind(self.console, start_ns, title, free)

    def _market_line(self, tape: Tape) -> str:
        """The first instrument's best prices, in ticks."""
        rows = tape.rows[max(tape.count - 200, 0) : tape.count]
        for _, instrument, bid, ask in rows[::-1].tolist():
            if instrument == 0:
                return f"{self.symbols[0]}  {bid} / {ask} ticks   {tape.count} changes of the best prices"
        return ""

    # --- end

    def _read_venue_statistics(self) -> None:
        """Stop service and venue, whose last line holds its statistics."""
        self._children["service"].stop()
        self._children["venue"].stop()
        while not self._lines.empty():
            line = self._lines.get()
            if line.source == "venue" and line.text.startswith("PLAYED "):
                self.played = msgspec.json.decode(line.text[len("PLAYED ") :])

    def _report(self, tape: Tape) -> int:
        deals = [self.deals[number] for number in sorted(self.deals)]
        config = self.plan.configuration()
        journal = data_paths(config).journal
        add_features(deals, journal)
        histories = dict(zip(self.symbols, tape.histories(len(self.symbols)), strict=True))
        summary = summarise(deals, histories, self.options.fixed_ms)
        self.console.print(_played_line(self.played, self.venue_restarts), highlight=False)
        layers: list[Layer] = []
        if self.plan.market == SHOCK:
            layers = self._layers(deals, histories, journal, int(tape.header[H_START_NS]))
            print_shock(self.console, deals, histories, self.options.fixed_ms, layers)
        else:
            print_summary(self.console, summary)
            if summary["quotes"]:
                summary["best_fixed"] = self._compare_with_fixed(deals, histories, journal)
                print_baselines(self.console, summary["best_fixed"])
        if self.options.json is not None:
            venue = {**self.played, "restarts": self.venue_restarts}
            shown = [layer.document() for layer in layers]
            content = {"options": self.options, "venue": venue, "summary": summary, "layers": shown, "deals": deals}
            self.options.json.write_bytes(msgspec.json.encode(content, enc_hook=str))
        if not summary["quotes"]:
            self.console.print("No quote was issued, so there is nothing to report.", style="red", highlight=False)
            return EXIT_FAILED
        if self.data_persists:
            hint = f"To explain the lifetimes: quotelife explain --last 3{config_option(self.options)}"
            self.console.print(f"\n{hint}", highlight=False, markup=False, soft_wrap=True)
            if config.capture.enabled:
                captured = f"Market, decisions and outcomes as Parquet: {data_paths(config).capture}"
                self.console.print(captured, highlight=False, markup=False, soft_wrap=True)
        return 0

    def _compare_with_fixed(self, deals: list[Deal], histories: Histories, journal: Path) -> dict[str, Any]:
        with self.console.status("Tuning fixed lifetimes on the minutes before ..."):
            before = quote_minutes_before(self.plan)
            return compare_with_fixed(ended_quotes(deals), histories, before, self._own_latency_ns(journal))

    def _own_latency_ns(self, journal: Path) -> int | None:
        """From a change of the market at the venue to the decision to withdraw; None without a withdrawal."""
        measured_ns = withdrawal_latency_ns(journal)
        return None if measured_ns is None else measured_ns + TRANSIT_NS

    def _layers(self, deals: list[Deal], histories: Histories, journal: Path, start_ns: int) -> list[Layer]:
        """The layers of the quote in the shock; empty if it is not in the journal."""
        deal = shocked_deal(deals)
        record = None if deal is None else decision_of(deal.request_id, journal)
        if deal is None or record is None:
            return []
        quote = QuoteLayers(self.plan.configuration(), make_market(self.plan), start_ns, deal, record)
        own_ns = self._own_latency_ns(journal) or OWN_NS
        return quote.layers(histories[deal.intention.symbol], self.options.fixed_ms, own_ns)

    def _catch_signals(self, stack: ExitStack) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if before != signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._interrupt)
                stack.callback(signal.signal, number, before)

    def _interrupt(self, number: int, _frame: object) -> None:
        self._interrupted.set()
        if number == signal.SIGHUP:  # the terminal is gone
            self.console.quiet = True

    def _stop_children(self) -> None:
        for name in ("clients", "service", "venue"):
            if name in self._children:
                self._children[name].stop()


def _played_line(played: dict[str, Any], restarts: int) -> str:
    if not played:
        return ""
    again = (
        f"\nThe venue was restarted {restarts} times; events before the last restart are not counted."
        if restarts
        else ""
    )
    return (
        f"\nThe market: {played['market']}. {played['events']} events in {played['messages']} messages, "
        f"{played['late_events']} of them late (the latest by {played['latest_ms']:.1f} ms), "
        f"{played['top_changes']} changes of the best prices.{again}"
    )
