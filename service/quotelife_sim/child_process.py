"""A child process of the simulation, with its output as lines in a queue."""

import contextlib
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from quotelife.runtime.module_command import module_command

_END_OF_INPUT_S = 5.0
_STOP_S = 15.0


class OutputLine(NamedTuple):
    source: str
    text: str  # without the line end; empty when the process has ended
    ended: bool = False


class ChildProcess:
    """A Python module as a process. Its output arrives in `lines`; commands go to its standard input.

    It runs in a session of its own: Ctrl-C reaches only the command, which stops its processes in order.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        lines: "queue.Queue[OutputLine]",
        log: Path,
        ends_with_input: bool = True,
    ) -> None:
        self.name, self.log = name, log
        self._ends_with_input = ends_with_input
        self._lines = lines
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                module_command(*arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send_line(self, command: str) -> None:
        """Write a line to the standard input; ignored if the process has ended."""
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        return self._process.poll()

    def stop(self) -> None:
        """Close the standard input, then SIGTERM, then SIGKILL, each if the one before did not end the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if self._ends_with_input:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_OF_INPUT_S)
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1.0)

    def log_tail(self, count: int = 12) -> str:
        """The last lines of the standard error."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            self._lines.put(OutputLine(self.name, raw.decode(errors="replace").rstrip("\n")))
        self._process.wait()
        self._lines.put(OutputLine(self.name, "", ended=True))
