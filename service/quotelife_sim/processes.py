"""The processes of a run - venue, service, clients - and the lines that they print."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, describe_exit
from quotelife_sim.child_process import ChildProcess, OutputLine
from quotelife_sim.plan import Plan

VENUE, SERVICE, CLIENTS, TUNING = "venue", "service", "clients", "tuning"


class RunFailed(Exception):
    """The run cannot continue; the text says why."""

    def __init__(self, reason: str, code: int = EXIT_FAILED) -> None:
        super().__init__(reason)
        self.code = code


class RunProcesses:
    """Every process that was started is stopped by `stop_all`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lines: queue.Queue[OutputLine] = queue.Queue()
        self._children: dict[str, ChildProcess] = {}
        self.on_venue_end: Callable[[str], None] | None = None  # without it, the end of the venue is a failure

    def start_venue(self) -> None:
        self._start(VENUE, "quotelife_sim.venue.process", str(self._plan.file))

    def start_service(self) -> None:
        arguments = ("serve", "--from-simulator", "--config", self._plan.config)
        self._start(SERVICE, "quotelife.cli", *arguments, ends_with_input=False)

    def start_clients(self) -> None:
        self._start(CLIENTS, "quotelife_sim.clients.oms", str(self._plan.file))

    def start_tuning(self) -> None:
        self._start(TUNING, "quotelife_sim.report.tuning", str(self._plan.file))

    def _start(self, name: str, *arguments: str, ends_with_input: bool = True) -> None:
        log = Path(self._plan.directory) / f"{name}.log"
        self._children[name] = ChildProcess(name, arguments, self._lines, log, ends_with_input)

    def send(self, name: str, command: str) -> None:
        """Write a line to the standard input of a process."""
        self._children[name].send_line(command)

    def waiting(self) -> bool:
        """Whether there are lines to read."""
        return not self._lines.empty()

    def read(self, seconds: float) -> OutputLine | None:
        """The next line of any process; None if there is none in time; RunFailed if a process ended unexpectedly.

        The venue may end during the play: the service then refuses requests, and quotes again once the venue is back.
        The tuning ends by itself; the line then says that it has.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line.ended and line.source != TUNING:
            child = self._children[line.source]
            code = child.exit_code() or 0
            if line.source == VENUE and self.on_venue_end is not None:
                self.on_venue_end(describe_exit(code))
                return line
            log = f":\n{tail}" if (tail := child.log_tail()) else " without a message"
            reason = f"the {line.source} process ended unexpectedly ({describe_exit(code)}){log}"
            raise RunFailed(reason, EXIT_CONFIG if code == EXIT_CONFIG else EXIT_FAILED)
        return line

    def log_tail(self, name: str) -> str:
        """The last lines of what a process has written to its standard error."""
        return self._children[name].log_tail()

    def stop(self, name: str) -> None:
        """Stop a process if it was started."""
        if name in self._children:
            self._children[name].stop()

    def stop_all(self) -> None:
        for name in (TUNING, CLIENTS, SERVICE, VENUE):
            self.stop(name)

    def unread(self) -> Iterator[OutputLine]:
        """The lines that are there, without a check of what has ended."""
        while self.waiting():
            yield self._lines.get()
