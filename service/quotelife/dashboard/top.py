"""Command `quotelife top`: the essentials of the desk page in a terminal."""

import sys
import time
from collections import OrderedDict
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from quotelife.config import Config
from quotelife.config.paths import run_paths
from quotelife.config.versions.version import config_in_force
from quotelife.controls.region import Controls
from quotelife.dashboard.quote_events import Event
from quotelife.dashboard.service_view import ServiceView
from quotelife.ledger.quote_state import EXPIRED, FILLED, OPEN, PASSED, WITHDRAWN
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.process import EXIT_FAILED
from quotelife.shm.region import RegionError

_PERIOD_S = 0.25
_MAX_QUOTES = 500
_STYLES = {FILLED: "green", WITHDRAWN: "red", PASSED: "yellow"}
_OTHER_LINES = 8  # lines of the screen that are not quotes


class TerminalView:
    """The screen: `apply` adds events, `render` draws it as of a moment of the wall clock."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._quotes: OrderedDict[object, Event] = OrderedDict()
        self._ends: dict[object, tuple[str, str]] = {}
        self._refused = ""

    def apply(self, events: list[Event]) -> None:
        for event in events:
            if event["kind"] == "quote":
                self._quotes[event["id"]] = event
            elif event["kind"] == "reject":
                self._refused = (
                    f"{_clock(event)} {event['client'] or 'unknown client'} {event['symbol']}: {event['reason']}"
                )
            elif event["kind"] == "end":
                state = str(event["state"])
                why = str(event.get("why", "")).replace("_", " ")
                self._ends[event["id"]] = (f"{state}: {why}" if why else state, _STYLES.get(state, ""))
        while len(self._quotes) > _MAX_QUOTES:
            self._ends.pop(self._quotes.popitem(last=False)[0], None)

    def render(self, market: dict, status: dict, now_ms: float, lines: int) -> Group:
        return Group(
            self._summary(status), self._market(market), Text(f"last refusal  {self._refused or 'none'}", style="dim"),
            self._table(now_ms, max(lines - _OTHER_LINES, 5)),
        )  # fmt: skip

    def _summary(self, status: dict) -> Text:
        totals, rates, latency = status["totals"], status["per_second"], status["latency_us"]
        parts = [
            f"quotes/s {rates.get('quotes', 0.0):.1f}",
            *(f"{name} {int(totals[key])}" for name, key in _COUNTS),
            f"response p50 {_us(latency.get('p50'))} p99 {_us(latency.get('p99'))}",
        ]
        line = Text("quotelife  ", style="bold") + Text("   ".join(parts), style="not bold")
        for one in [*status["venues"], *status["sessions"]]:
            line += Text("  ● ", style="green" if one["up"] else "red") + Text(one["name"], style="not bold")
        return line

    def _market(self, market: dict) -> Text:
        venues = "".join(f"   {_part(venue)}" for venue in market.get("venues", ()))
        if market["status"] != "ok":
            return Text(f"{self.symbol}  {market['status'].replace('_', ' ')}{venues}", style="red")
        best = f"{market['bids'][0][0]} / {market['offers'][0][0]}"
        curve = market["curves"]
        move = max(curve["offer"]["one_tick"][_HALF_SECOND], curve["bid"]["one_tick"][_HALF_SECOND])
        stopped = "   stopped by the desk" if market["stopped"] else ""
        return Text(
            f"{self.symbol}  {best}   {market['state']}   one-tick move within 500 ms {100 * move:.1f} %"
            f"{stopped}{venues}"
        )

    def _table(self, now_ms: float, max_rows: int) -> Table:
        table = Table(box=None, expand=True, header_style="dim", pad_edge=False)
        for name in ("time", "client", "instrument", "side", "bid", "offer", "model"):
            table.add_column(name, no_wrap=True, justify="right" if name in ("bid", "offer") else "left")
        table.add_column("lifetime", min_width=16)
        table.add_column("left", justify="right", no_wrap=True)
        table.add_column("outcome", no_wrap=True)
        for event in list(reversed(self._quotes.values()))[:max_rows]:
            left_ms = max(float(str(event["until_ms"])) - now_ms, 0.0)
            ended = self._ends.get(event["id"]) or ((EXPIRED, "dim") if left_ms == 0.0 else None)
            bar = ProgressBar(float(str(event["lifetime_ms"])), 0.0 if ended else left_ms, complete_style="blue")
            outcome = Text(ended[0], style=ended[1]) if ended else Text(OPEN)
            table.add_row(
                _clock(event), str(event["client"]), str(event["symbol"]), f"{event['side']} {event['quantity']}",
                str(event["bid"]), str(event["offer"]), str(event["model"]).replace("_", " "), bar,
                f"{float(str(event['lifetime_ms'])):.0f} ms", outcome,
            )  # fmt: skip
        return table


_COUNTS = (("filled", "fills"), ("withdrawn", "withdrawn"), ("late", "late"), ("refused", "refusals"))
_HALF_SECOND = 4  # of the bins of `quotelife_models.schema.BIN_ENDS_MS`


def run(config: Config, symbol: str | None, once: bool) -> int:
    """Show the running service until interrupted, or once; returns the exit code."""
    run = run_paths(config)
    config = config_in_force(config)
    names = [i.symbol for i in config.instrument]
    shown = symbol or next((i.symbol for i in config.instrument if i.quotable), names[0])
    if shown not in names:
        print(f"--instrument {shown}: not in {config.file}; allowed: {', '.join(names[:20])}", file=sys.stderr)
        return EXIT_FAILED
    try:
        controls = Controls.attach(run.controls, len(names), len(config.client))
    except RegionError as error:
        print(f"{config.file}: its service is not running ({error}); start it with quotelife serve", file=sys.stderr)
        return EXIT_FAILED
    view, screen, console = ServiceView(config, run, controls), TerminalView(shown), Console()

    def refresh() -> Group:
        screen.apply(view.quote_events().events)
        market, status = view.market(shown, mono_ns()), view.status()
        return screen.render(market, status, wall_ns() / NS_PER_MS, console.height)

    if once:
        console.print(refresh())
        return 0
    try:
        with Live(refresh(), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(_PERIOD_S)
                live.update(refresh(), refresh=True)
    except KeyboardInterrupt:
        return 0


def _part(venue: dict) -> str:
    """A venue of several: a part of the book, or not, and why."""
    status = venue["status"].replace("_", " ")
    return f"{'●' if venue['part'] else '○'} {venue['name']}{'' if status == 'ok' else ' ' + status}"


def _clock(event: Event) -> str:
    at = datetime.fromtimestamp(float(str(event["at_ms"])) * NS_PER_MS / NS_PER_S, UTC)
    return at.strftime("%H:%M:%S.%f")[:-3]


def _us(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} us"
