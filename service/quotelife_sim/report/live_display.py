"""Output during a run: a live page on a terminal, otherwise one line per finished request."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console
from rich.live import Live

from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal
from quotelife_sim.report.live_comparison import LiveComparison
from quotelife_sim.report.live_page import WIDTHS, LivePage, cells, latest, oms_hint

_SCORE_EVERY_S = 10.0


class Display(Protocol):
    def deal(self, deal: Deal) -> None:
        """Display a deal that has been quoted or has ended."""

    def refresh(self, market: str) -> None:
        """Redraw with the current market; called a few times a second."""

    def note(self, text: str) -> None:
        """Display an event of the simulation itself."""

    def close(self) -> None: ...


class PlainLines:
    """One line per finished request, for pipes and logs, and now and then a line with the comparison so far."""

    def __init__(
        self, console: Console, start_ns: int, title: str, free_session: str, comparison: LiveComparison
    ) -> None:
        self._console, self._start_ns, self._comparison = console, start_ns, comparison
        self._scored_s = 0.0
        console.out(f"{title}\n{oms_hint(free_session)}\n", highlight=False)
        self._print({name: name for name in WIDTHS})

    def deal(self, deal: Deal) -> None:
        if deal.outcome == D.OPEN:
            return
        self._print(cells(deal, self._start_ns, self._comparison.lifetime_ms(deal.intention.client)))

    def refresh(self, market: str) -> None:
        seconds = (mono_ns() - self._start_ns) / NS_PER_S
        if self._comparison.all.quotes and seconds - self._scored_s >= _SCORE_EVERY_S:
            self._scored_s = seconds
            self.note(f"{seconds:.0f} s: {score(self._comparison)}")

    def note(self, text: str) -> None:
        self._console.out(f"--- {text}", highlight=False)

    def close(self) -> None:
        pass

    def _print(self, values: Mapping[str, str]) -> None:
        line = " ".join(f"{values[name]:<{width}}" for name, width in WIDTHS.items())
        self._console.out(line.rstrip(), highlight=False)


def score(comparison: LiveComparison) -> str:
    """The comparison so far in a line."""
    totals = comparison.all
    n = max(totals.quotes, 1)
    text = (
        f"net per quote {totals.net_ticks / n:+.2f} ticks, with the best fixed lifetime per client "
        f"{totals.fixed_net_ticks / n:+.2f}; picked off {totals.picked_off}, with it {totals.fixed_picked_off} "
        f"({totals.quotes} quotes)"
    )
    return f"{text}; {shown}" if (shown := latest(comparison.latest)) else text


class LiveTable:
    """A page that is redrawn in place."""

    def __init__(self, console: Console, page: LivePage) -> None:
        self._console, self._page = console, page
        self._live = Live(console=console, auto_refresh=False, screen=False, transient=True)
        self._live.start()

    def deal(self, deal: Deal) -> None:
        self._page.deal(deal, self._page.rows(self._console.height))

    def refresh(self, market: str) -> None:
        self._page.market = market
        self._live.update(self._page.render(self._console.width), refresh=True)

    def note(self, text: str) -> None:
        self._page.note = text

    def close(self) -> None:
        self._live.stop()


class Displays:
    """Several displays of one run."""

    def __init__(self, *displays: Display) -> None:
        self._displays: Sequence[Display] = displays

    def deal(self, deal: Deal) -> None:
        for display in self._displays:
            display.deal(deal)

    def refresh(self, market: str) -> None:
        for display in self._displays:
            display.refresh(market)

    def note(self, text: str) -> None:
        for display in self._displays:
            display.note(text)

    def close(self) -> None:
        for display in self._displays:
            display.close()
