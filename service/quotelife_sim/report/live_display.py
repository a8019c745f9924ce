"""Output during a run: a live table on a terminal, otherwise one line per finished request."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal

_STYLES = {
    D.OPEN: "cyan",
    D.FILLED: "green",
    D.PICKED_OFF: "bold red",
    D.MISSED: "yellow",
    D.EXPIRED: "dim",
    D.WITHDRAWN: "blue",
    D.REFUSED: "magenta",
    D.UNANSWERED: "bold red",
}
_ROOM = 10  # lines of the terminal that are no rows of the table
_MODEL = {"CLIENT_PRIORITY": "Client Priority", "RISK_AVERSE": "Risk Averse", "LIQUIDITY_PROVIDER": "Liquidity Prov."}


class Display(Protocol):
    def deal(self, deal: Deal) -> None:
        """Display a deal that has been quoted or has ended."""

    def refresh(self, market: str) -> None:
        """Redraw with the current market; called a few times a second."""

    def note(self, text: str) -> None:
        """Display an event of the simulation itself."""

    def close(self) -> None: ...


class PlainLines:
    """One line per finished request, for pipes and logs."""

    def __init__(self, console: Console, start_ns: int, title: str, free_session: str) -> None:
        self._console, self._start_ns = console, start_ns
        console.out(f"{title}\n{_oms_hint(free_session)}\n", highlight=False)
        self._print(tuple(_WIDTHS))

    def deal(self, deal: Deal) -> None:
        if deal.outcome == D.OPEN:
            return
        self._print(_cells(deal, self._start_ns))

    def refresh(self, market: str) -> None:
        pass

    def note(self, text: str) -> None:
        self._console.out(f"--- {text}", highlight=False)

    def close(self) -> None:
        pass

    def _print(self, cells: Sequence[str]) -> None:
        line = " ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS.values(), strict=True))
        self._console.out(line.rstrip(), highlight=False)


class LiveTable:
    """The latest requests, the newest at the bottom, and a line of totals."""

    def __init__(self, console: Console, start_ns: int, title: str, free_session: str) -> None:
        self._start_ns, self._title, self._free = start_ns, title, free_session
        self._console = console
        self._deals: dict[int, Deal] = {}
        self._outcomes: Counter[str] = Counter()
        self._market = self._note = ""
        self._live = Live(console=console, auto_refresh=False, screen=False, transient=True)
        self._live.start()

    def deal(self, deal: Deal) -> None:
        self._deals[deal.intention.number] = deal
        if deal.outcome != D.OPEN:
            self._outcomes[deal.outcome] += 1
        while len(self._deals) > max(self._console.height - _ROOM, 3):
            del self._deals[min(self._deals)]

    def refresh(self, market: str) -> None:
        self._market = market
        self._live.update(self._page(), refresh=True)

    def note(self, text: str) -> None:
        self._note = text

    def close(self) -> None:
        self._live.stop()

    def _page(self) -> Group:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        columns = fit_columns(self._console.width)
        for name, width in columns.items():
            table.add_column(
                name, justify="right" if name in _RIGHT else "left", width=width, no_wrap=True, overflow="ellipsis"
            )
        for number in sorted(self._deals):
            deal = self._deals[number]
            cells = dict(zip(_WIDTHS, _cells(deal, self._start_ns), strict=True))
            if columns["request"] < _WIDTHS["request"]:
                cells["request"] = f"{_side(deal)} {deal.intention.symbol}"
            style = _STYLES[deal.outcome]
            table.add_row(*(Text(cells[name], style if name == "outcome" else "") for name in columns))
        seconds = max(mono_ns() - self._start_ns, 0) / NS_PER_S
        totals = "  ".join(f"{name} {self._outcomes[name]}" for name in _STYLES if self._outcomes[name])
        return Group(
            Text(self._title, style="bold"),
            Text(f"{seconds:6.1f} s   {self._market}"),
            Text(self._note, style="bold yellow"),
            table,
            Text(),
            Text(totals),
            Text(_oms_hint(self._free), style="dim"),
        )


_WIDTHS = {
    "s": 7,
    "client": 14,
    "request": 25,
    "model": 16,
    "p(tick)": 8,
    "p(pick-off)": 11,
    "lifetime": 8,
    "reason": 24,
    "outcome": 10,
}
_RIGHT = ("s", "p(tick)", "p(pick-off)", "lifetime")
_SHORT_REQUEST = 14  # without the quantity


def fit_columns(width: int) -> dict[str, int]:
    """Columns and their widths for a terminal of `width` characters. Time, client, lifetime and outcome are never cut.
    The probabilities are dropped first, then the quantity; the reason takes the remaining width."""
    columns = dict(_WIDTHS)
    if _spare_width(columns, width) < 0:
        del columns["p(tick)"], columns["p(pick-off)"]
    if _spare_width(columns, width) < 0:
        columns["request"] = _SHORT_REQUEST
    columns["reason"] = max(columns["reason"] + _spare_width(columns, width), 4)
    return columns


def _spare_width(columns: dict[str, int], width: int) -> int:
    """Characters that are left over, after one between each two columns; negative if there are too few."""
    return width - sum(columns.values()) - len(columns) + 1


def _oms_hint(free_session: str) -> str:
    return f"Connect an OMS of your own: {free_session}.  Ctrl-C ends with a summary."


def _side(deal: Deal) -> str:
    intention = deal.intention
    return "quote" if intention.two_way else ("buy" if intention.buys else "sell")


def _cells(deal: Deal, start_ns: int) -> list[str]:
    """The cells of a deal, in the order of the columns."""
    intention = deal.intention
    model = _MODEL.get(deal.model, deal.model)
    return [
        f"{(deal.intended_ns - start_ns) / NS_PER_S:.2f}",
        intention.client,
        f"{_side(deal)} {intention.quantity} {intention.symbol}",
        f"{model}{'*' if intention.override else ''}",
        _percent(deal.move_probability),
        _percent(deal.pick_off_probability),
        f"{deal.lifetime_ns / NS_PER_MS:.0f} ms" if deal.quoted else "",
        deal.reason,
        deal.outcome,
    ]


def _percent(p: float | None) -> str:
    return "" if p is None else f"{100 * p:.2f} %"
