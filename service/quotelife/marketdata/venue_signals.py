"""A venue's news, and which instruments it has halted, by the venue's profile.

A volatility index is not a signal: it is an ordinary instrument that the board row of another refers to.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quotelife.config.venues.venue_profile import HaltsProfile, VenueProfile
from quotelife.fix import tags
from quotelife.fix.events import ApplicationMessage
from quotelife.fix.fields import as_text
from quotelife.logs import LogEvent, event_logger
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_status
from quotelife.market.features.update import set_halted
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.venue_instruments import VenueInstruments
from quotelife.runtime.rate_limited_log import RateLimitedLog
from quotelife.signals.active_signals import ActiveSignals

logger = event_logger(__name__)

# By what an instrument is halted: bits. A status of the symbol overrides those of its group and its venue.
_BY_VENUE, _BY_GROUP, _BY_SYMBOL, _BY_LIST = 1, 2, 4, 8
_OPENED = {_BY_VENUE: _BY_VENUE, _BY_GROUP: _BY_VENUE | _BY_GROUP, _BY_SYMBOL: 15, _BY_LIST: _BY_LIST}


@dataclass(frozen=True, slots=True)
class News:
    """News (B): Headline (148), the custom NewsSentiment (20010) in [-1, 1], and the symbols of NoRelatedSym (146).

    Without symbols it concerns every instrument of the venue.
    """

    headline: str
    sentiment: float
    symbols: tuple[bytes, ...]


def read_news(message: ApplicationMessage) -> News | None:
    """The news, None without a finite sentiment."""
    try:
        sentiment = float(message.get(tags.NewsSentiment) or b"")
    except ValueError:
        return None
    if not math.isfinite(sentiment):
        return None
    symbols = tuple(message.all(tags.Symbol))
    return News(read_headline(message), min(max(sentiment, -1.0), 1.0), symbols)


def read_headline(message: ApplicationMessage) -> str:
    """Headline (148), or Text (58) where there is none."""
    return as_text(message.get(tags.Headline)) or as_text(message.get(tags.Text))


class Halts:
    """Which instruments of a session are halted, by SecurityStatus (f) and TradingSessionStatus (h).

    A status concerns a symbol, a group or the whole venue. What it opens stays halted while a more specific status
    halts it: a symbol is not opened with its venue.

    `groups` are the groups of the rows, None for those without; `row_of(symbol, security_id)` is -1 for an unknown one.
    """

    def __init__(
        self,
        profile: HaltsProfile,
        rows: Sequence[int],
        groups: Sequence[str | None],
        row_of: Callable[[bytes | None, bytes | None], int],
    ) -> None:
        self._profile = profile
        self._row_of = row_of
        self._halted_by = dict.fromkeys(rows, 0)
        self._earlier = dict.fromkeys(rows, 0)  # what of it is from an earlier session
        self._groups: dict[bytes, list[int]] = {}
        for row, group in zip(rows, groups, strict=True):
            if group is not None:
                self._groups.setdefault(group.encode(), []).append(row)

    def on_logon(self) -> list[tuple[int, bool]]:
        """A session begins. Its statuses count, where they are asked for: what an earlier one has halted is open until
        they come. Elsewhere it stays halted: nobody has said otherwise."""
        if self._profile.request == "none":
            self._earlier = dict(self._halted_by)
            return []
        changes = [(row, False) for row, by in self._halted_by.items() if by]
        self._halted_by = dict.fromkeys(self._halted_by, 0)
        return changes

    def halted_earlier(self) -> list[int]:
        """Rows that only statuses of an earlier session halt."""
        return [row for row, by in self._halted_by.items() if by and by == self._earlier[row]]

    def on_status(self, message: ApplicationMessage) -> list[tuple[int, bool]]:
        """The rows that a status halts or opens, those that it does not change left out."""
        halted = self._halted(message)
        if halted is None:
            return []
        rows, by = self._concerned(message)
        return self._set(rows, by, halted)

    def on_listed_status(self, row: int, tradable: bool) -> list[tuple[int, bool]]:
        """The same for the status of an instrument in the venue's list of instruments. One that allows trading opens
        what an earlier session has halted, by whatever."""
        if not tradable:
            return self._set([row], _BY_LIST, True)
        return self._change(row, self._halted_by[row] & ~(_BY_LIST | self._earlier[row]))

    def _set(self, rows: Sequence[int], by: int, halted: bool) -> list[tuple[int, bool]]:
        changes = []
        for row in rows:
            before = self._halted_by[row]
            self._earlier[row] &= ~by  # this session has a status of it
            changes += self._change(row, before | by if halted else before & ~_OPENED[by])
        return changes

    def _change(self, row: int, after: int) -> list[tuple[int, bool]]:
        before, self._halted_by[row] = self._halted_by[row], after
        self._earlier[row] &= after
        return [(row, bool(after))] if bool(before) != bool(after) else []

    def _halted(self, message: ApplicationMessage) -> bool | None:
        """None for a status that says nothing of trading."""
        profile = self._profile
        if message.msg_type == tags.SECURITY_STATUS:
            tag, halted, opened = profile.security_tag, profile.security_halted, profile.security_open
        else:
            tag, halted, opened = profile.session_tag, profile.session_halted, profile.session_open
        value = as_text(message.get(tag))
        return True if value in halted else False if value in opened else None

    def _concerned(self, message: ApplicationMessage) -> tuple[Sequence[int], int]:
        """Rows that the status is about, and by what it names them."""
        symbol, security_id = message.get(tags.Symbol), message.get(tags.SecurityID)
        if symbol or security_id:
            row = self._row_of(symbol, security_id)
            return ([row] if row >= 0 else []), _BY_SYMBOL
        group_tag = self._profile.group_tag
        group = message.get(group_tag) if group_tag is not None else None
        if group:
            return self._groups.get(group, []), _BY_GROUP
        return list(self._halted_by), _BY_VENUE


class VenueSignals:
    """Writes a session's news and halts to the board and the capture."""

    def __init__(
        self,
        venue: str,
        profile: VenueProfile,
        instruments: VenueInstruments,
        shared: SharedArrays,
        signals: ActiveSignals | None,
    ) -> None:
        self._venue, self._news = venue, profile.news.meaning
        self._instruments, self._shared = instruments, shared
        self._signals = signals or ActiveSignals(shared.board, shared.capture, shared.books)
        self._halts = Halts(profile.halts, instruments.rows.tolist(), instruments.groups, instruments.row_of)
        self._log = RateLimitedLog(logger)

    def on_news(self, message: ApplicationMessage, now_ns: int, wall_ns: int) -> bool:
        """Apply a News (B). True if it announces the end of the connection."""
        if self._news != "sentiment":
            text = f"{self._venue}: news: {read_headline(message)}"
            self._log.warning(LogEvent.VENUE_NEWS, "news", text, venue=self._venue)
            return self._news == "maintenance"
        news = read_news(message)
        if news is not None:
            row_of = self._instruments.symbols.row_of
            rows = [row_of(symbol) for symbol in news.symbols] if news.symbols else self._instruments.rows.tolist()
            known = [self._shared.sources.instrument_of(row) for row in rows if row >= 0]
            self._signals.set_venue_news(known, news.sentiment, self._venue, news.headline, now_ns, wall_ns)
            venue, sentiment, text = self._venue, news.sentiment, "%s: news with sentiment %+.2f: %s"
            logger.info(LogEvent.VENUE_NEWS, text, venue, sentiment, news.headline, venue=venue, sentiment=sentiment)
        return False

    def on_logon(self, now_ns: int) -> None:
        """A session begins: what is known of the halts of an earlier one."""
        self._set_halted(self._halts.on_logon(), now_ns)
        halted = self._halts.halted_earlier()
        if halted:
            text = (
                "%s: %d instruments stay halted as in the session before; a status that opens them, or a restart of "
                "the service, lifts the halt"
            )
            logger.warning(LogEvent.INSTRUMENTS_STAY_HALTED, text, self._venue, len(halted), venue=self._venue)

    def on_status(self, message: ApplicationMessage, now_ns: int) -> None:
        """Apply a SecurityStatus (f) or TradingSessionStatus (h)."""
        self._set_halted(self._halts.on_status(message), now_ns)

    def on_listed_status(self, row: int, tradable: bool, now_ns: int) -> None:
        """Apply the status of an instrument in the venue's list of instruments."""
        self._set_halted(self._halts.on_listed_status(row, tradable), now_ns)

    def _set_halted(self, changes: list[tuple[int, bool]], now_ns: int) -> None:
        for row, halted in changes:
            set_halted(self._shared.board.all_rows, row, now_ns, halted)
            write_status(self._shared.capture.words, C.HALTED, halted, row, now_ns)
