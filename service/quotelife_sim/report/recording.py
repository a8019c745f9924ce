"""A recording of the live page as asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2): a header, then events.

The file is complete after every event, so that an interrupted run leaves one that plays. Each frame begins with the
codes that clear the screen: a player needs no more of a terminal than that, colours and lines.
"""

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife_sim.clients.deal import Deal
from quotelife_sim.report.live_page import LivePage

WIDTH, HEIGHT = 120, 36
CLEAR = "\x1b[2J\x1b[H"
_FRAME_NS = NS_PER_S // 4
_LAST_S = 3.0  # for which the summary is shown before a player starts again


class Recording:
    """Writes the events of one terminal of WIDTH x HEIGHT characters."""

    def __init__(self, path: Path, title: str) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._began_ns = mono_ns()
        self._console = Console(
            file=io.StringIO(), width=WIDTH, height=HEIGHT, force_terminal=True, color_system="standard"
        )
        header = {"version": 2, "width": WIDTH, "height": HEIGHT, "timestamp": wall_ns() // NS_PER_S, "title": title}
        self._write({**header, "env": {"TERM": "xterm-256color"}})

    def frame(self, page: RenderableType) -> None:
        """Show a page on the cleared screen."""
        self._event(CLEAR + self._ansi(page))

    def text(self, text: str) -> None:
        """Show lines below what is there; they may have codes of colours."""
        self._event(text)

    def close(self) -> None:
        seconds = (mono_ns() - self._began_ns) / NS_PER_S + _LAST_S
        self._write([round(seconds, 6), "o", ""])
        self._file.close()

    def _ansi(self, page: RenderableType) -> str:
        with self._console.capture() as capture:
            self._console.print(page)
        return capture.get()

    def _event(self, text: str) -> None:
        seconds = (mono_ns() - self._began_ns) / NS_PER_S
        self._write([round(seconds, 6), "o", text.replace("\n", "\r\n")])

    def _write(self, content: Any) -> None:
        self._file.write(json.dumps(content, ensure_ascii=False) + "\n")
        self._file.flush()


class RecordedPage:
    """A display that draws a page of its own into a recording."""

    def __init__(self, recording: Recording, page: LivePage) -> None:
        self._recording, self._page = recording, page
        self._drawn_ns = 0

    def deal(self, deal: Deal) -> None:
        self._page.deal(deal, self._page.rows(HEIGHT))

    def refresh(self, market: str) -> None:
        self._page.market = market
        if mono_ns() - self._drawn_ns >= _FRAME_NS:
            self._drawn_ns = mono_ns()
            self._recording.frame(self._page.render(WIDTH))

    def note(self, text: str) -> None:
        self._page.note = text

    def close(self) -> None:
        pass
