"""Progress of a bench on standard error: one updated line on a terminal, otherwise only the bench's name."""

import sys


class Progress:
    """Progress of one bench with `steps` steps (0: unknown)."""

    def __init__(self, topic: str, steps: int = 0) -> None:
        self._topic, self._steps, self._done = topic, steps, 0
        self._terminal = sys.stderr.isatty()
        if not self._terminal:
            print(f"measuring: {topic}", file=sys.stderr, flush=True)

    def step(self, what: str) -> None:
        """Show that the next step begins."""
        self._done += 1
        of = f" {self._done}/{self._steps}" if self._steps else ""
        self._write(f"{self._topic}{of}: {what}")

    def end(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if self._terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
