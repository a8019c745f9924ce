"""What `quotelife venue check` prints: progress, instruments, messages, the book, what was not understood, advice."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from quotelife.config import Instrument, Venue, VenueProfile
from quotelife.diagnostics.venue.advice import clock_warning
from quotelife.diagnostics.venue.comparison import ComparedInstrument
from quotelife.diagnostics.venue.dictionary import Masking, names
from quotelife.diagnostics.venue.observer import Observations, Reason
from quotelife.diagnostics.venue.probe import Outcome, Stage
from quotelife.diagnostics.venue.reasons import MEANINGS
from quotelife.fix import tags
from quotelife.market.grid import Grid
from quotelife.marketdata.instruments.listing import ListedInstrument
from quotelife.marketdata.instruments.terms import Terms, plain

_LISTED = 8  # instruments of the venue's list that are printed
_CONFIGURED = 20
_FIELDS = 60  # of an example message
_DID = {
    Stage.CONNECT: "connected",
    Stage.LOGON: "logged on",
    Stage.INSTRUMENTS: "instruments",
    Stage.SNAPSHOT: "live book",
    Stage.WATCH: "watched",
}
_NOT_DONE = {
    Stage.CONNECT: "not connected",
    Stage.LOGON: "not logged on",
    Stage.INSTRUMENTS: "no instruments",
    Stage.SNAPSHOT: "no book",
    Stage.WATCH: "session ended",
}
# Messages of ours that belong to a stage: shown if it fails.
_REQUESTS = {
    Stage.LOGON: (tags.LOGON,),
    Stage.INSTRUMENTS: (tags.SECURITY_LIST_REQUEST, tags.SECURITY_DEFINITION_REQUEST),
    Stage.SNAPSHOT: (tags.MARKET_DATA_REQUEST,),
}


class Report:
    """Prints to a console while the session runs (`progress`), and the rest after its end (`show`)."""

    def __init__(
        self,
        console: Console,
        venue: Venue,
        instrument: Instrument,
        profile: VenueProfile,
        masking: Masking,
    ) -> None:
        self._console, self._masking = console, masking
        self._venue, self._instrument, self._profile = venue, instrument, profile
        self._terms = Terms(profile.instruments, profile.book.checksum)

    def begin(self) -> None:
        venue = self._venue
        tls = "TLS" if venue.tls is not None else "no TLS"
        self._console.print(
            f"[bold]{escape(venue.name)}[/]  {escape(venue.host)}:{venue.port} ({tls})  profile "
            f"{escape(venue.profile)}\n"
            f"[dim]{escape(self._profile.title)}[/]\n",
            highlight=False,
        )

    def progress(self, stage: Stage, outcome: Outcome) -> None:
        """A stage is done."""
        self._line("green", "✓", _DID[stage], f"{1000 * outcome.took_s[stage]:.0f} ms", self._remark(stage, outcome))

    def show(
        self, outcome: Outcome, compared: list[ComparedInstrument], advice: str, good: bool, seconds: float
    ) -> None:
        """What is known after the end of the session; `advice` is the last paragraph."""
        if outcome.stage is Stage.DONE:
            self._line("green", "✓", _DID[Stage.WATCH], f"{seconds:g} s", self._remark(Stage.WATCH, outcome))
        elif outcome.mismatch:
            self._line("red", "✗", "not as listed", "", self._instrument.symbol)
        else:
            self._line("red", "✗", _NOT_DONE[outcome.stage], "", self._why(outcome))
        self._instruments(outcome.seen, compared)
        self._messages(outcome.seen)
        if outcome.snapshots:
            self._book(outcome)
            self._details(outcome)
        self._ours(outcome)
        self._reasons("not understood", "red", outcome.seen.not_understood)
        self._reasons("noted, of no consequence for the book", "dim", outcome.seen.noted, examples=False)
        title, style = ("ok", "green") if good else ("what to do next", "red")
        self._console.print()
        self._console.print(
            Panel(
                Text(self._masking.text(advice)), title=title, title_align="left", border_style=style, box=box.ROUNDED
            )
        )

    # --- parts

    def _line(self, colour: str, mark: str, what: str, took: str, remark: str) -> None:
        self._console.print(f"  [{colour}]{mark}[/] {what:<14} {took:>8}  {escape(remark)}", highlight=False)

    def _remark(self, stage: Stage, outcome: Outcome) -> str:
        seen = outcome.seen
        if stage is Stage.LOGON:
            return clock_warning(seen)
        if stage is Stage.INSTRUMENTS:
            if self._profile.instruments.request == "none":
                return "the profile names no list of instruments; tick and lot are not checked"
            return f"{len(seen.listed):,} listed"
        if stage is Stage.SNAPSHOT:
            return self._instrument.symbol
        return f"{seen.market_data:,} messages of market data" if stage is Stage.WATCH else ""

    def _why(self, outcome: Outcome) -> str:
        error = outcome.error
        if outcome.seen.refusals:
            return self._masking.text(outcome.seen.refusals[0][1]) or "rejected"
        if outcome.timed_out:
            return "no answer"
        if error is not None:
            return error.strerror or str(error) or "timed out"
        return self._masking.text(outcome.problem) or "closed by the venue"

    def _heading(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/]", highlight=False)

    def _instruments(self, seen: Observations, compared: list[ComparedInstrument]) -> None:
        if not compared:
            return
        self._heading(f"instruments: the configured ones against the venue's list of {len(seen.listed):,}")
        table = Table("", "configured", "at the venue", "tick", "lot", "status", "", box=None, pad_edge=False)
        for one in compared[:_CONFIGURED]:
            table.add_row(*self._compared(one))
        self._console.print(Padding(table, (0, 2)))
        more = len(compared) - _CONFIGURED
        if more > 0:
            self._console.print(f"  and {more} more configured", highlight=False)
        first = [self._masking.text(name) for name in list(seen.listed)[:_LISTED]]
        dots = ", ..." if len(seen.listed) > _LISTED else ""
        self._console.print(Padding(Text(f"the list: {', '.join(first)}{dots}", style="dim"), (0, 2)))

    def _compared(self, one: ComparedInstrument) -> list[str | Text]:
        colour, listed = "red" if one.problem else "green", one.listed
        shown = ["-"] * 4
        if listed is not None:
            name = listed.symbol or listed.security_id
            shown = [name, self._tick(listed), self._lot(listed), self._terms.status(listed) or "-"]
        mark = Text("✗" if one.problem else "✓", style=colour)
        return [mark, one.instrument.symbol, *shown, Text(one.problem or "agrees", style=colour)]

    def _tick(self, listed: ListedInstrument) -> str:
        try:
            tick = self._terms.tick(listed)
        except ValueError as error:
            return str(error)
        return "-" if tick is None else plain(tick)

    def _lot(self, listed: ListedInstrument) -> str:
        try:
            lot = self._terms.lot(listed)
        except ValueError as error:
            return str(error)
        return "-" if lot is None else plain(lot)

    def _messages(self, seen: Observations) -> None:
        if not seen.received and not seen.sent:
            return
        self._heading("messages")
        table = Table("type", "", "received", "sent", box=None, pad_edge=False)
        for column in table.columns[2:]:
            column.justify = "right"
        for kind in sorted({*seen.received, *seen.sent}, key=lambda k: (k.islower(), k)):
            counts = (f"{n:,}" if n else "" for n in (seen.received[kind], seen.sent[kind]))
            table.add_row(kind, names().messages.get(kind, "not in the dictionaries"), *counts)
        self._console.print(Padding(table, (0, 2)))

    def _book(self, outcome: Outcome) -> None:
        instrument = self._instrument
        prices, sizes = Grid(instrument.tick), Grid(instrument.lot)
        state = "" if outcome.live_at_the_end else ", no longer live"
        self._heading(f"book of {escape(instrument.symbol)}{state}: best levels")
        table = Table("size", "bid", "offer", "size", box=None, pad_edge=False)
        for column in table.columns:
            column.justify = "right"
        for n in range(max(len(outcome.bids), len(outcome.offers))):
            bid = outcome.bids[n : n + 1]
            offer = outcome.offers[n : n + 1]
            table.add_row(
                *([sizes.short(bid[0][1]), prices.text(bid[0][0])] if bid else ["", ""]),
                *([prices.text(offer[0][0]), sizes.short(offer[0][1])] if offer else ["", ""]),
            )
        self._console.print(Padding(table, (0, 2)))
        if not (outcome.bids and outcome.offers):
            self._console.print("  [yellow]a side is empty: one-sided books are not quoted[/]", highlight=False)

    def _details(self, outcome: Outcome) -> None:
        seen, table = outcome.seen, Table("", "", box=None, pad_edge=False, show_header=False)
        table.add_row("snapshots, entries", f"{outcome.snapshots:,}, {outcome.entries:,}")
        trade = ""
        if outcome.last_trade is not None:
            price, size = outcome.last_trade
            trade = f", last {Grid(self._instrument.lot).short(size)} at {Grid(self._instrument.tick).text(price)}"
        table.add_row("trades", f"{outcome.trades:,}{trade}")
        counted = (
            f"in {seen.with_rpt_seq:,} of {seen.market_data:,} messages"
            if seen.with_rpt_seq
            else ("absent: lost messages show only as gaps of MsgSeqNum")
        )
        table.add_row("RptSeq (83)", counted)
        late = "beyond max_lag_ms: not quoted" if outcome.late else "relative to the fastest message"
        table.add_row("lateness", f"at most {seen.max_late_ns / 1e6:.0f} ms, {late}")
        if warning := clock_warning(seen):
            table.add_row("clock", f"[yellow]{warning}[/]")
        present = sorted(seen.entry_tags - _HEADER)
        table.add_row("fields", ", ".join(f"{tag} {names().tags.get(tag, '')}".strip() for tag in present))
        self._console.print(Padding(table, (1, 2, 0, 2)))

    def _ours(self, outcome: Outcome) -> None:
        """The message of ours that was not answered well."""
        for kind in _REQUESTS.get(outcome.stage, ()) if outcome.stage is not Stage.DONE else ():
            if message := outcome.seen.last_sent.get(kind):
                self._heading(f"our {names().messages.get(kind, kind)}")
                self._console.print(Padding(self._fields(message), (0, 2)))

    def _reasons(self, title: str, style: str, reasons: dict[str, Reason], examples: bool = True) -> None:
        if not reasons:
            return
        self._console.print(f"\n[bold {style}]{title}[/]", highlight=False)
        for name, reason in reasons.items():
            meaning = f": {MEANINGS[name]}" if name in MEANINGS else ""
            line = Text.assemble((f"{reason.count:,} × ", "bold"), (self._masking.text(name), style), meaning)
            self._console.print(Padding(line, (0, 2)))
            if examples and reason.example:
                self._console.print(Padding(self._fields(reason.example), (0, 2, 0, 6)))

    def _fields(self, message: bytes) -> Text:
        """A message, field by field, with names."""
        fields, text = self._masking.fields(message), Text()
        for field in fields[:_FIELDS]:
            named = f"{field.name}({field.tag})=" if field.name else f"{field.tag}="
            text.append(named, style="cyan").append(field.value, style="bold")
            text.append(f":{field.meaning}  " if field.meaning else "  ", style="dim")
        if len(fields) > _FIELDS:
            text.append(f"and {len(fields) - _FIELDS} more fields", style="dim")
        return text


_HEADER = {8, 9, 10, 34, 35, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145, 369, 1128}
