"""One run: three processes, a table while they work, a summary when they have.

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
from quotelife_sim.clients.conversation import Deal
from quotelife_sim.clients.requests import FREE_SESSION
from quotelife_sim.configuration import shown
from quotelife_sim.decisions import add_features
from quotelife_sim.markets.catalog import symbols_of
from quotelife_sim.options import SHOCK, Options
from quotelife_sim.plan import Plan
from quotelife_sim.processes import Child, Line
from quotelife_sim.report.report import print_summary
from quotelife_sim.report.shock_report import print_shock
from quotelife_sim.report.summary import summarise
from quotelife_sim.report.table import LiveTable, PlainLines, Show
from quotelife_sim.venue.tape import Tape

START_TIMEOUT_S = 180.0  # the first start compiles the kernels
_LEAD_NS = 300 * NS_PER_MS  # from the order to play to the first event
WARM_UP_NS = 3 * NS_PER_S  # of the market, before the first request
_REFRESH_S = 0.2
VENUE_AWAY_S = 3.0


class Failed(Exception):
    """The run cannot go on: why, and the exit code."""

    def __init__(self, why: str, code: int = EXIT_FAILED) -> None:
        super().__init__(why)
        self.code = code


class Run:
    def __init__(self, options: Options, plan: Plan, console: Console, data_kept: bool = False) -> None:
        self.options, self.plan, self.console, self.data_kept = options, plan, console, data_kept
        self.symbols = symbols_of(plan)
        self.deals: dict[int, Deal] = {}
        self.played: dict[str, Any] = {}
        self._lines: queue.Queue[Line] = queue.Queue()
        self._children: dict[str, Child] = {}
        self._decoder = msgspec.json.Decoder(Deal)
        self._interrupted = threading.Event()
        self._market_ns = 0  # when the market began to be played
        self._venue_back_ns = 0  # when the venue, which has died, is started again
        self.venue_restarts = 0
        self._show: Show | None = None

    def go(self) -> int:
        """The exit code. Whatever happens, every process started is ended."""
        with ExitStack() as stack:
            stack.callback(self._stop_children)
            self._catch_signals(stack)
            try:
                self._start(stack)
                start_ns = self._play()
                tape = Tape.attach(self.plan.tape)
                self._watch(start_ns, tape)
                self._hear_the_venue_out()
            except Failed as failed:
                self.console.print(str(failed), style="red", highlight=False, markup=False)
                return failed.code
            return self._sum_up(tape)

    # --- start

    def _start(self, stack: ExitStack) -> None:
        plan_file = str(self.plan.write())
        self._start_venue()
        self._await("the venue", lambda line: line == Line("venue", "READY venue"))
        self._child(
            "service",
            ["quotelife.cli", "serve", "--from-simulator", "--config", self.plan.config],
            ends_with_input=False,
        )
        self._child("clients", ["quotelife_sim.clients.oms", plan_file])
        waiting = {"the service's subscriptions", "the clients' logons"}

        def ready(line: Line) -> bool:
            if line.source == "venue" and line.text == f"FOLLOWED {len(self.symbols)}":
                waiting.discard("the service's subscriptions")
            if line == Line("clients", "READY clients"):
                waiting.discard("the clients' logons")
            return not waiting

        self._await("the service", ready)

    def _start_venue(self) -> None:
        self._child("venue", ["quotelife_sim.venue.process", str(self.plan.file)])

    def _child(self, name: str, arguments: list[str], ends_with_input: bool = True) -> None:
        log = Path(self.plan.directory) / f"{name}.log"
        self._children[name] = Child(name, arguments, self._lines, log, ends_with_input)

    def _await(self, what: str, done: Callable[[Line], bool]) -> None:
        with self.console.status(f"Waiting for {what} (the first start compiles, which takes a minute) ..."):
            deadline_ns = mono_ns() + round(START_TIMEOUT_S * NS_PER_S)
            while True:
                if self._interrupted.is_set():
                    raise Failed("interrupted before anything was played")
                line = self._next_line(_REFRESH_S)
                if line is not None and done(line):
                    return
                if mono_ns() > deadline_ns:
                    raise Failed(f"{what} was not ready after {START_TIMEOUT_S:g} s")

    def _next_line(self, seconds: float) -> Line | None:
        """The next line of any process; Failed if one has ended that should not have.

        The venue may: while it is away the service is to be seen refusing, and quoting again once it is back.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line.ended:
            child = self._children[line.source]
            code = child.exit_code() or 0
            if line.source == "venue" and self._show is not None:
                self._venue_back_ns = mono_ns() + round(VENUE_AWAY_S * NS_PER_S)
                self._show.note(f"the venue ended ({describe_exit(code)}); it is restarted in {VENUE_AWAY_S:g} s")
                return line
            said = f":\n{words}" if (words := child.last_words()) else " and said nothing"
            why = f"the {line.source} process ended unasked ({describe_exit(code)}){said}"
            raise Failed(why, EXIT_CONFIG if code == EXIT_CONFIG else EXIT_FAILED)
        return line

    # --- play

    def _play(self) -> int:
        """Tell venue and clients when to begin; the time from which requests count."""
        self._market_ns = market_ns = mono_ns() + _LEAD_NS
        warm_up_ns = 0 if self.plan.market == SHOCK else WARM_UP_NS
        self._children["venue"].tell(f"PLAY {market_ns}")
        self._children["clients"].tell(f"PLAY {market_ns + warm_up_ns}")
        return market_ns + warm_up_ns

    def _watch(self, start_ns: int, tape: Tape) -> None:
        """Show deals until the clients are done or somebody interrupts."""
        show = self._show = self._make_show(start_ns)
        try:
            told = False
            while True:
                if self._interrupted.is_set() and not told:
                    self._children["clients"].tell("STOP")
                    told = True
                line = self._next_line(_REFRESH_S)
                self._bring_the_venue_back(line)
                if line is None or self._lines.empty():
                    show.refresh(self._market_line(tape))
                if line is None or line.source != "clients":
                    continue
                if line.text == "DONE":
                    return
                if line.text.startswith("{"):
                    deal = self._decoder.decode(line.text)
                    self.deals[deal.intention.number] = deal
                    show.deal(deal)
        finally:
            self._show = None
            show.close()

    def _bring_the_venue_back(self, line: Line | None) -> None:
        """Start it when it is due, and let it go on from where the market would be by now."""
        if self._venue_back_ns and mono_ns() >= self._venue_back_ns:
            self._venue_back_ns = 0
            self.venue_restarts += 1
            self._children["venue"].stop()
            self._start_venue()
        elif line == Line("venue", "READY venue") and self._show is not None:
            self._children["venue"].tell(f"RESUME {self._market_ns}")
            self._show.note("the venue is back")

    def _make_show(self, start_ns: int) -> Show:
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

    def _hear_the_venue_out(self) -> None:
        """Its last line says what it played."""
        self._children["service"].stop()
        self._children["venue"].stop()
        while not self._lines.empty():
            line = self._lines.get()
            if line.source == "venue" and line.text.startswith("PLAYED "):
                self.played = msgspec.json.decode(line.text[len("PLAYED ") :])

    def _sum_up(self, tape: Tape) -> int:
        deals = [self.deals[number] for number in sorted(self.deals)]
        config = self.plan.configuration()
        add_features(deals, data_paths(config).journal)
        histories = dict(zip(self.symbols, tape.histories(len(self.symbols)), strict=True))
        summary = summarise(deals, histories, self.options.fixed_ms)
        self.console.print(_played_line(self.played, self.venue_restarts), highlight=False)
        if self.plan.market == SHOCK:
            print_shock(self.console, deals, histories, self.options.fixed_ms)
        else:
            print_summary(self.console, summary)
        if self.options.json is not None:
            venue = {**self.played, "restarts": self.venue_restarts}
            content = {"options": self.options, "venue": venue, "summary": summary, "deals": deals}
            self.options.json.write_bytes(msgspec.json.encode(content, enc_hook=str))
        if not summary["quotes"]:
            self.console.print("No quote was given, so this run shows nothing.", style="red", highlight=False)
            return EXIT_FAILED
        if self.data_kept:
            hint = f"Why these lifetimes: quotelife explain --last 3{shown(self.options)}"
            self.console.print(f"\n{hint}", highlight=False, markup=False, soft_wrap=True)
        return 0

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
        if number == signal.SIGHUP:  # nobody reads any more
            self.console.quiet = True

    def _stop_children(self) -> None:
        for name in ("clients", "service", "venue"):
            if name in self._children:
                self._children[name].stop()


def _played_line(played: dict[str, Any], restarts: int) -> str:
    if not played:
        return ""
    again = (
        f"\nThe venue was started again {restarts} times; what it played before is not counted here."
        if restarts
        else ""
    )
    return (
        f"\nThe market: {played['market']}. {played['events']} events in {played['messages']} messages, "
        f"{played['late_events']} of them late (the latest by {played['latest_ms']:.1f} ms), "
        f"{played['top_changes']} changes of the best prices.{again}"
    )
