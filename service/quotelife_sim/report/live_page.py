"""The page of a live display: the latest requests, and quotelife beside the best fixed lifetime per client so far."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal
from quotelife_sim.report.live_comparison import Difference, LiveComparison, Totals

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
_ROOM = 15  # lines of the terminal that are no rows of the table, beside one for each instrument
_MODEL = {"CLIENT_PRIORITY": "Client Priority", "RISK_AVERSE": "Risk Averse", "LIQUIDITY_PROVIDER": "Liquidity Prov."}
WIDTHS = {
    "s": 7,
    "client": 14,
    "request": 25,
    "model": 16,
    "p(tick)": 8,
    "p(pick-off)": 11,
    "lifetime": 8,
    "fixed": 7,
    "reason": 24,
    "outcome": 10,
}
_RIGHT = ("s", "p(tick)", "p(pick-off)", "lifetime", "fixed")
_SHORT_REQUEST = 13  # without the quantity
_SHORT_LIFETIME = 7
_LEAST_REASON = 14
_SAME_TICKS = 5e-3


class LivePage:
    """What has happened so far; `render` draws it for a terminal of any size."""

    def __init__(self, start_ns: int, title: str, free_session: str, comparison: LiveComparison, kinds: Sequence[str]):
        """`kinds` tell of each instrument of the comparison whether it was recorded or generated."""
        self._start_ns, self._title, self._free = start_ns, title, free_session
        self._comparison, self._kinds = comparison, dict(zip(comparison.symbols, kinds, strict=True))
        self._deals: dict[int, Deal] = {}
        self._outcomes: Counter[str] = Counter()
        self.market = self.note = ""

    def deal(self, deal: Deal, rows: int) -> None:
        """Take up a deal; the latest `rows` are kept."""
        self._deals[deal.intention.number] = deal
        if deal.outcome != D.OPEN:
            self._outcomes[deal.outcome] += 1
        while len(self._deals) > rows:
            del self._deals[min(self._deals)]

    def rows(self, height: int) -> int:
        """How many deals a terminal of this height has room for."""
        return max(height - _ROOM - len(self._kinds), 3)

    def render(self, width: int) -> Group:
        seconds = max(mono_ns() - self._start_ns, 0) / NS_PER_S
        totals = "  ".join(f"{name} {self._outcomes[name]}" for name in _STYLES if self._outcomes[name])
        parts: list[RenderableType] = [
            Text(self._title, style="bold"),
            Text(f"{seconds:6.1f} s   {self.market}", no_wrap=True, overflow="ellipsis"),
            Text(self.note, style="bold yellow"),
            self._table(width),
            Text(),
            Text(totals),
            Text(),
            *self._scores(),
            Text(),
            Text(oms_hint(self._free), style="dim"),
        ]
        return Group(*parts)

    def _table(self, width: int) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        columns = fit_columns(width)
        for name, wide in columns.items():
            heading = name if len(name) <= wide else "life"
            justify: Literal["left", "right"] = "right" if name in _RIGHT else "left"
            table.add_column(heading, justify=justify, width=wide, no_wrap=True, overflow="ellipsis")
        for number in sorted(self._deals):
            deal = self._deals[number]
            values = cells(deal, self._start_ns, self._comparison.lifetime_ms(deal.intention.client))
            if columns["request"] < WIDTHS["request"]:
                values["request"] = f"{side(deal)} {deal.intention.symbol}"
            style = _STYLES[deal.outcome]
            table.add_row(*(Text(values[name], style if name == "outcome" else "") for name in columns))
        return table

    def _scores(self) -> list[RenderableType]:
        comparison = self._comparison
        if comparison.tuned is None:
            return [Text("Tuning the best fixed lifetime per client on the minutes before ...", style="dim")]
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("")
        for name in ("quotes", "net quotelife", "best fixed", "picked off", "best fixed"):
            table.add_column(name, justify="right")
        for symbol, totals in comparison.by_symbol.items():
            table.add_row(f"{symbol}, {self._kinds[symbol]}", *_score(totals))
        table.add_row("all", *_score(comparison.all))
        return [table, Text(latest(comparison.latest), style="dim", no_wrap=True, overflow="ellipsis")]


def _score(totals: Totals) -> list[Text]:
    """Net in ticks per quote and pick-offs: green where quotelife is better, red where it is worse."""
    n = max(totals.quotes, 1)
    gain = (totals.net_ticks - totals.fixed_net_ticks) / n
    spared = totals.fixed_picked_off - totals.picked_off
    return [
        Text(str(totals.quotes)),
        Text(f"{totals.net_ticks / n:+.2f}", _better(gain, _SAME_TICKS)),
        Text(f"{totals.fixed_net_ticks / n:+.2f}"),
        Text(str(totals.picked_off), _better(spared, 0)),
        Text(str(totals.fixed_picked_off)),
    ]


def _better(by: float, least: float) -> str:
    return "" if abs(by) <= least else "bold green" if by > 0 else "bold red"


def latest(difference: Difference | None) -> str:
    """The last quote whose result depends on the lifetime, whoever it speaks for."""
    if difference is None:
        return ""
    deal, fixed = difference.deal, difference.fixed
    return (
        f"last difference: {deal.intention.client} {side(deal)} {deal.intention.symbol}: {deal.outcome} "
        f"{difference.ours.net_ticks:+.1f} ticks; with {difference.lifetime_ms:.0f} ms fixed {fixed.outcome} "
        f"{fixed.net_ticks:+.1f}"
    )


def fit_columns(width: int) -> dict[str, int]:
    """Columns and their widths for a terminal of `width` characters. Time, client, both lifetimes and outcome are never
    cut. The probabilities are dropped first, then the quantity and the reason, which else takes the remaining width."""
    columns = dict(WIDTHS)
    if _spare_width(columns, width) < 0:
        del columns["p(tick)"], columns["p(pick-off)"]
    if _spare_width(columns, width) < 0:
        columns["request"] = _SHORT_REQUEST
    if columns["reason"] + _spare_width(columns, width) < _LEAST_REASON:
        del columns["reason"]
        columns["lifetime"] = _SHORT_LIFETIME
    else:
        columns["reason"] += _spare_width(columns, width)
    return columns


def _spare_width(columns: Mapping[str, int], width: int) -> int:
    """Characters that are left over, after one between each two columns; negative if there are too few."""
    return width - sum(columns.values()) - len(columns) + 1


def oms_hint(free_session: str) -> str:
    return f"Connect an OMS of your own: {free_session}.  Ctrl-C ends with a summary."


def side(deal: Deal) -> str:
    intention = deal.intention
    return "quote" if intention.two_way else ("buy" if intention.buys else "sell")


def cells(deal: Deal, start_ns: int, fixed_ms: float | None) -> dict[str, str]:
    """The cells of a deal by column; `fixed_ms` is the best fixed lifetime of its client, if it is known."""
    intention = deal.intention
    model = _MODEL.get(deal.model, deal.model)
    return {
        "s": f"{(deal.intended_ns - start_ns) / NS_PER_S:.2f}",
        "client": intention.client,
        "request": f"{side(deal)} {intention.quantity} {intention.symbol}",
        "model": f"{model}{'*' if intention.override else ''}",
        "p(tick)": _percent(deal.move_probability),
        "p(pick-off)": _percent(deal.pick_off_probability),
        "lifetime": f"{deal.lifetime_ns / NS_PER_MS:.0f} ms" if deal.quoted else "",
        "fixed": "" if fixed_ms is None or not deal.quoted else f"{fixed_ms:.0f} ms",
        "reason": deal.reason,
        "outcome": deal.outcome,
    }


def _percent(p: float | None) -> str:
    return "" if p is None else f"{100 * p:.2f} %"
