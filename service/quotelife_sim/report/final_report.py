"""What is printed, and written as JSON, at the end of a run."""

from collections.abc import Mapping
from typing import Any

import msgspec
from rich.console import Console, Group
from rich.text import Text

from quotelife.config.paths import data_paths
from quotelife.runtime.process import EXIT_FAILED
from quotelife_sim.clients.deal import Deal
from quotelife_sim.configuration import config_option
from quotelife_sim.journal_features import add_features, decision_of, withdrawal_latency_ns
from quotelife_sim.markets.catalog import is_recorded, make_market, symbols_of
from quotelife_sim.options import DEFAULT_FIXED_MS, SHOCK, Options
from quotelife_sim.outcome import TRANSIT_NS
from quotelife_sim.plan import Plan
from quotelife_sim.report.baseline_tables import baseline_table, print_baselines, verdicts
from quotelife_sim.report.baselines import OWN_NS, Histories, Tuned, compare_with_fixed
from quotelife_sim.report.recording import WIDTH, Recording
from quotelife_sim.report.shock_layers import Layer, QuoteLayers
from quotelife_sim.report.shock_report import print_shock, shocked_deal
from quotelife_sim.report.summary import ended_quotes, summarise
from quotelife_sim.report.summary_tables import print_summary


class FinalReport:
    """Of one run, whose service has stopped: its journal is complete."""

    def __init__(
        self,
        options: Options,
        plan: Plan,
        console: Console,
        data_persists: bool,
        recording: Recording | None = None,
    ) -> None:
        self._options, self._plan, self._console, self._data_persists = options, plan, console, data_persists
        self._recording = recording
        self._config = plan.configuration()
        self._journal = data_paths(self._config).journal
        self._own_ns: int | None = None

    def write(
        self,
        by_number: Mapping[int, Deal],
        histories: Histories,
        tuned: Tuned | None,
        played: dict[str, Any],
        restarts: int,
        market_ns: int,
    ) -> int:
        """Print everything; returns the exit code. `tuned` is None where a second signal has ended the tuning; `played`
        are the statistics of the venue, `market_ns` the monotonic time at which it began to play."""
        deals = [by_number[number] for number in sorted(by_number)]
        add_features(deals, self._journal)
        self._own_ns = self._own_latency_ns()
        fixed_ms = self._options.fixed_ms or DEFAULT_FIXED_MS
        summary = summarise(deals, histories, fixed_ms)
        self._print(_played_line(played, restarts))
        layers: list[Layer] = []
        if self._plan.market == SHOCK:
            layers = self._layers(deals, histories, market_ns)
            print_shock(self._console, deals, histories, fixed_ms, layers)
        else:
            print_summary(self._console, summary, with_fixed=self._options.fixed_ms is not None)
            if summary["quotes"] and tuned is not None:
                summary["best_fixed"] = self._compare_with_fixed(deals, histories, tuned)
            elif summary["quotes"]:
                self._print("Not compared with fixed lifetimes: they have not been tuned.")
        if self._options.json is not None:
            venue = {**played, "restarts": restarts}
            shown = [layer.document() for layer in layers]
            content = {"options": self._options, "venue": venue, "summary": summary, "layers": shown, "deals": deals}
            self._options.json.write_bytes(msgspec.json.encode(content, enc_hook=str))
        if not summary["quotes"]:
            self._console.print("No quote was issued, so there is nothing to report.", style="red", highlight=False)
            return EXIT_FAILED
        if self._data_persists:
            self._print_hints()
        return 0

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _print_hints(self) -> None:
        self._print(f"\nTo explain the lifetimes: quotelife explain --last 3{config_option(self._options)}")
        if self._config.capture.enabled:
            self._print(f"Market, decisions and outcomes as Parquet: {data_paths(self._config).capture}")

    def _compare_with_fixed(self, deals: list[Deal], histories: Histories, tuned: Tuned) -> dict[str, Any]:
        compared = compare_with_fixed(ended_quotes(deals), histories, tuned, self._own_ns)
        recorded = [symbol for symbol in symbols_of(self._plan) if is_recorded(self._plan, symbol)]
        print_baselines(self._console, compared, recorded)
        if self._recording is not None:
            said = Text(f"\n{verdicts(compared)[0]}")
            self._recording.frame(Group(baseline_table(compared, recorded, WIDTH), said))
        return compared

    def _own_latency_ns(self) -> int | None:
        """From a change of the market at the venue to the decision to withdraw; None without a withdrawal."""
        measured_ns = withdrawal_latency_ns(self._journal)
        return None if measured_ns is None else measured_ns + TRANSIT_NS

    def _layers(self, deals: list[Deal], histories: Histories, start_ns: int) -> list[Layer]:
        """The layers of the quote in the shock; empty if it is not in the journal."""
        deal = shocked_deal(deals)
        record = None if deal is None else decision_of(deal.request_id, self._journal)
        if deal is None or record is None:
            return []
        quote = QuoteLayers(self._config, make_market(self._plan), start_ns, deal, record)
        return quote.layers(
            histories[deal.intention.symbol], self._options.fixed_ms or DEFAULT_FIXED_MS, self._own_ns or OWN_NS
        )


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
