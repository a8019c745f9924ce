"""The books of a venue session, naively: from the fields of W and X to books that are right, or not used.

Written from the FIX specification and the venue profile's description, without a look at the decoder.
"""

import contextlib
import copy
import zlib
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from tests.oracle import venue_entry as E
from tests.oracle.venue_entry import Fields, Malformed, Quote, Spoiled
from tests.oracle.venue_models import (
    BestBook,
    Book,
    Level,
    OrderBook,
    PositionBook,
    PriceBook,
    SnapshotBook,
    TierBook,
)

ID_ACTIONS = ("change", "overlay", "delete", "delete_thru", "delete_from")
DELETIONS = ("delete", "delete_thru", "delete_from")
BOOKLESS = {E.TRADE} | E.IGNORED_TYPES
NONE, WAITING, LIVE = "none", "waiting", "live"
# What an entry without a configured instrument concerns
FOREIGN = "foreign"  # an instrument that is not configured
NOT_LIVE = "not live"  # a book that awaits its snapshot
NOWHERE = "nowhere"  # it cannot be told
UNKNOWN_ID = "unknown id"
Place = int | str | None


@dataclass
class Instrument:
    symbol: str
    security_id: str | None = None
    tick: str = "0.5"
    lot: str = "1"
    request: str = "77"  # MDReqID of its subscription
    state: str = WAITING
    rpt_seq: int | None = None
    spoiled_by: str | None = None
    partial: bool = False  # a W that is continued in the next one is in the book


@dataclass
class Message:
    """What is known about the message that is being applied."""

    msg_type: str
    fields: Fields
    head: dict[int, str] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)  # rows with a bid, offer or empty book in it
    sequenced: set[int] = field(default_factory=set)  # rows whose RptSeq it has advanced
    checksum: dict[int, str] = field(default_factory=dict)


def effective_model(profile, model: str, depth: int) -> str:
    """One price level a side, and none behind it, is a best quote."""
    return "best" if model == "price" and depth == 1 and profile.book.window == "subscribed" else model


class VenueBooks:
    """`profile` is a VenueProfile, of which `book` and `instruments` are read; `depth` the subscribed MarketDepth."""

    def __init__(self, profile, model: str, depth: int, instruments: list[Instrument]) -> None:
        self.profile, self.rules, self.depth = profile, profile.book, depth
        self.model = effective_model(profile, model, depth)
        self.instruments = instruments
        self.uses_ids = self.model == "order" or (self.model in ("price", "best") and self.rules.entry_id == "identity")
        window = depth if self.rules.window == "subscribed" else 0
        self.books = [self.new_book(window) for _ in instruments]
        self.reasons: Counter[str] = Counter()
        self.unknown_symbols = 0
        self.malformed = 0
        self.verifies = True
        self.last_entries: dict[int, int] = {}  # row to the index of the newest message's last entry for it

    def new_book(self, window: int) -> Book:
        if self.model == "price":
            return PriceBook(window, self.rules.unknown_levels == "invalidate")
        if self.model == "position":
            return PositionBook(window)
        if self.model == "tiers":
            return TierBook(self.rules.tier_sizes == "cumulative")
        return {"best": BestBook, "order": OrderBook, "snapshots": SnapshotBook}[self.model]()

    def copy(self) -> "VenueBooks":
        """Books of their own with the same rules."""
        other = copy.copy(self)
        other.books, other.instruments = copy.deepcopy((self.books, self.instruments))
        other.reasons = self.reasons.copy()
        return other

    def try_entry(self, row: int, entry: dict[int, str]) -> None:
        """Apply an entry of an X as far as it goes, for those who draw the next one."""
        with contextlib.suppress(Spoiled, Malformed):
            self.apply(row, entry, Message("X", []))

    def at_stake(self, row: int) -> bool:
        """Entries of an X matter to this book: it is live, or a part of its snapshot is in."""
        return self.instruments[row].state == LIVE or self.instruments[row].partial

    # --- what a reader of the books sees

    def live(self, row: int) -> bool:
        return self.instruments[row].state == LIVE

    def levels(self, row: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(price in ticks, size in lots), best first; of a book that is not live nothing."""
        if not self.live(row):
            return [], []
        bids, offers = self.books[row].sides()
        return [(x.price, x.size) for x in bids], [(x.price, x.size) for x in offers]

    def subscribe(self, row: int) -> None:
        self.instruments[row].state, self.instruments[row].partial = WAITING, False

    # --- messages

    def receive(self, msg_type: str, fields: Fields) -> None:
        message = Message(msg_type, fields)
        self.last_entries = {}
        for book in self.books:
            book.begin()
        try:
            message.head, entries = E.split_entries(msg_type, fields, self.level_tag())
            if msg_type == "W":
                self.snapshot(message, entries)
            else:
                self.increment(message, entries)
        except Malformed:
            self.malformed += 1
            self.spoil_malformed(message)
            return
        for row in sorted(message.touched):
            if self.live(row):
                self.end(row, message)

    def level_tag(self) -> int | None:
        return self.rules.level_tag if self.model == "position" else None

    def end(self, row: int, message: Message) -> None:
        try:
            self.books[row].end()
            if self.rules.checksum and self.verifies:
                self.verify(row, message)
        except Spoiled as spoiled:
            self.spoil(row, str(spoiled))

    def verify(self, row: int, message: Message) -> None:
        its, found = self.instruments[row], message.checksum.get(row)
        bids, offers = self.books[row].sides()
        if found is None and message.msg_type == "W":
            return
        if found != str(kraken_crc32(bids, offers, its.tick, its.lot)):
            raise Spoiled("checksum")

    # --- invalidation

    def spoil(self, row: int, reason: str) -> None:
        its = self.instruments[row]
        if its.state == NONE:
            return
        its.state, its.rpt_seq, its.spoiled_by, its.partial = NONE, None, reason, False
        self.books[row].clear()
        self.reasons[reason] += 1

    def spoil_all(self, message: Message, reason: str) -> None:
        """All live books that the message may concern."""
        for row, its in enumerate(self.instruments):
            if self.at_stake(row) and its.request == message.head.get(262, its.request):
                self.spoil(row, reason)

    def spoil_malformed(self, message: Message) -> None:
        """Every book that the message names or has touched; all if it may concern books that it does not name."""
        places = {self.named({tag: value}) for tag, value in message.fields if tag in (48, 55) and value}
        rows = {place for place in places if isinstance(place, int)} | message.touched
        if not places or NOWHERE in places or self.has_entries_by_id_alone(message.fields):
            rows = set(range(len(self.books)))
        for row in sorted(rows):
            if message.msg_type == "W" or self.at_stake(row):
                self.spoil(row, "malformed")

    def has_entries_by_id_alone(self, fields: Fields) -> bool:
        tags = [tag for tag, _ in fields]
        if 268 not in tags[:-1]:
            return False
        at = tags.index(268)
        if {48, 55} & set(tags[:at]):
            return False
        starts = [n for n in range(at + 1, len(tags)) if tags[n] == tags[at + 1]]
        for start, end in zip(starts, [*starts[1:], len(tags)], strict=True):
            entry = {tag for tag, value in fields[start:end] if value or tag not in E.MAY_BE_EMPTY}
            if entry & {278, 280} and not entry & {48, 55}:
                return True
        return False

    # --- instruments

    def named(self, fields: dict[int, str]) -> Place:
        """The instrument by Symbol or SecurityID; None: neither is there."""
        rows = {
            55: {its.symbol: row for row, its in enumerate(self.instruments)},
            48: {its.security_id: row for row, its in enumerate(self.instruments) if its.security_id},
        }
        first, other = (55, 48) if self.profile.instruments.address == "Symbol" else (48, 55)
        if fields.get(first):
            return rows[first].get(fields[first], FOREIGN)
        if fields.get(other):
            all_known = len(rows[other]) == len(self.instruments)
            return rows[other].get(fields[other], FOREIGN if all_known else NOWHERE)
        return None

    def place_of(self, entry: dict[int, str], before: Place, message: Message) -> Place:
        """What the entry of an X concerns; `before` is what the previous one does, None at the first."""
        place = self.named(entry)
        if place is None:
            place = self.named(message.head)
        if place is not None:
            return place
        action = self.rules.actions.get(entry.get(279, ""))
        if self.uses_ids and action in ID_ACTIONS and (278 in entry or 280 in entry):
            if entry.get(269) in BOOKLESS:
                return NOWHERE
            return self.holder(entry, action, before, message)
        return NOWHERE if before is None else before

    def holder(self, entry: dict[int, str], action: str, before: Place, message: Message) -> Place:
        id, ref = entry.get(278), entry.get(280)
        if action in DELETIONS and id and ref and id != ref:
            return UNKNOWN_ID
        key = ref or id
        concerned = [
            row for row, its in enumerate(self.instruments) if its.request == message.head.get(262, its.request)
        ]
        holders = [row for row in concerned if self.live(row) and self.books[row].holds(key)]
        if before in holders:
            return before
        if len(holders) == 1:
            return holders[0]
        if not holders and not all(self.live(row) for row in concerned):
            for row in concerned:
                if self.instruments[row].partial:
                    self.spoil(row, "out_of_order")
            return NOT_LIVE
        return UNKNOWN_ID

    # --- X

    def increment(self, message: Message, entries: list[dict[int, str]]) -> None:
        place: Place = None
        for at, entry in enumerate(entries):
            place = self.place_of(entry, place, message)
            if isinstance(place, int):
                self.last_entries[place] = at
            if place == FOREIGN:
                self.unknown_symbols += 1
            elif place in (NOWHERE, UNKNOWN_ID):
                if entry.get(269) not in BOOKLESS:
                    self.spoil_all(message, "unknown_instrument" if place == NOWHERE else "unknown_entry")
            elif isinstance(place, int) and self.at_stake(place):
                try:
                    self.apply_if_next(place, entry, message)
                except Spoiled as spoiled:
                    self.spoil(place, str(spoiled))

    def apply_if_next(self, row: int, entry: dict[int, str], message: Message) -> None:
        its = self.instruments[row]
        if message.head.get(262, its.request) != its.request:
            return
        rpt_seq = E.rpt_seq_of(entry)
        if rpt_seq is not None and its.rpt_seq is not None:
            again = row in message.sequenced and rpt_seq == its.rpt_seq
            if rpt_seq <= its.rpt_seq and not again:
                return
            if rpt_seq > its.rpt_seq + 1:
                raise Spoiled("rpt_seq_gap")
        if rpt_seq is not None:
            its.rpt_seq = rpt_seq
            message.sequenced.add(row)
        if its.partial and entry.get(269) not in BOOKLESS:
            raise Spoiled("out_of_order")
        self.apply(row, entry, message)

    def apply(self, row: int, entry: dict[int, str], message: Message) -> None:
        book, kind = self.books[row], entry.get(269)
        if kind in BOOKLESS:
            return
        if kind not in (None, *E.BOOK_TYPES):
            raise Spoiled("unknown_type")
        if 279 not in entry:
            raise Spoiled("missing_field")
        action = self.rules.actions.get(entry[279])
        if kind == E.EMPTY_BOOK:
            self.empty(book, entry)
        elif action is None or (action not in book.actions and book.actions):
            raise Spoiled("unknown_action")
        elif not book.actions:
            raise Spoiled("unsupported")
        elif self.is_acknowledgement(entry):
            return
        else:
            book.apply(action, self.quote(book, action, entry, its=self.instruments[row]))
        message.touched.add(row)
        self.note_checksum(row, entry, message)

    def is_acknowledgement(self, entry: dict[int, str]) -> bool:
        ignored = getattr(self.rules, "entries_without_id", "invalid") == "ignored"
        return ignored and self.model == "order" and 278 not in entry and 280 not in entry

    def empty(self, book: Book, entry: dict[int, str]) -> None:
        if entry.get(279, "0") not in ("0", "1", "2"):
            raise Spoiled("unknown_action")
        if not book.actions and 279 in entry:
            raise Spoiled("unsupported")
        book.clear()

    def quote(self, book: Book, action: str, entry: dict[int, str], its: Instrument) -> Quote:
        if 269 not in entry:
            id = entry.get(280) or entry.get(278)
            side = book.side_of(id) if action in book.by_id and self.uses_ids and id else None
            if side is None:
                raise Spoiled("missing_field")
            entry = {**entry, 269: str(side)}
        quote = E.quote_of(entry, its.tick, its.lot, self.level_tag(), self.uses_ids, book.counts)
        if self.model in ("price", "best") and not self.uses_ids and 280 in entry:
            raise Spoiled("unsupported")
        return quote

    def note_checksum(self, row: int, entry: dict[int, str], message: Message) -> None:
        if self.rules.checksum:
            tag = self.rules.checksum.tag
            found = entry.get(tag, message.checksum.get(row, message.head.get(tag)))
            if found is not None:
                message.checksum[row] = found

    # --- W

    def snapshot(self, message: Message, entries: list[dict[int, str]]) -> None:
        place = self.named(message.head)
        if place == FOREIGN:
            self.unknown_symbols += 1
        elif place in (None, NOWHERE):
            self.spoil_all(message, "unknown_instrument")
        elif self.is_due(place, message, entries):
            try:
                self.replace(place, message, entries)
            except Spoiled as spoiled:
                self.spoil(place, str(spoiled))

    def is_due(self, row: int, message: Message, entries: list[dict[int, str]]) -> bool:
        its = self.instruments[row]
        if its.state == NONE or message.head.get(262, its.request) != its.request:
            return False
        if its.state == WAITING:
            return True
        if 262 not in message.head and self.rules.unrequested_snapshot == "ignore":
            return False
        rpt_seq = self.snapshot_rpt_seq(message, entries)
        return rpt_seq is None or its.rpt_seq is None or rpt_seq >= its.rpt_seq

    def snapshot_rpt_seq(self, message: Message, entries: list[dict[int, str]]) -> int | None:
        found = [E.rpt_seq_of(fields) for fields in (message.head, *entries) if 83 in fields]
        return found[-1] if found else None

    def replace(self, row: int, message: Message, entries: list[dict[int, str]]) -> None:
        book, its = self.books[row], self.instruments[row]
        if not its.partial:
            book.clear()
        message.touched.add(row)
        self.last_entries[row] = len(entries) - 1
        self.note_checksum(row, {}, message)
        for entry in entries:
            kind = entry.get(269)
            self.note_checksum(row, entry, message)
            if kind in BOOKLESS:
                continue
            if kind not in (None, *E.BOOK_TYPES):
                raise Spoiled("unknown_type")
            if kind == E.EMPTY_BOOK:
                if entry.get(279, "0") not in ("0", "1", "2"):
                    raise Spoiled("unknown_action")
                book.clear()
                continue
            if 279 in entry and self.rules.actions.get(entry[279]) != "new":
                raise Spoiled("unknown_action")
            if kind is None:
                raise Spoiled("missing_field")
            book.add(self.quote(book, "new", entry, its))
        its.partial = dict(message.fields).get(893) == "N"
        its.state = WAITING if its.partial else LIVE
        its.rpt_seq = self.snapshot_rpt_seq(message, entries)


def kraken_crc32(bids: list[Level], offers: list[Level], tick: str, lot: str) -> int:
    """Kraken's checksum of the ten best offers and bids."""
    text = ""
    for level in (*offers[:10], *bids[:10]):
        text += digits(level.price, tick) + digits(level.size, lot)
    return zlib.crc32(text.encode())


def digits(units: int, step: str) -> str:
    """The decimal text with the step's decimals, without the point and leading zeros."""
    exponent = -Decimal(step).as_tuple().exponent
    return str(int(Decimal(units) * Decimal(step) * 10**exponent))
