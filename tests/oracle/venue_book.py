"""The books of a venue session, naively: from the fields of W and X to books that are right, or not used.

Written from the FIX specification and the venue profile's description, without a look at the decoder.
"""

import contextlib
import copy
import pickle
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

DELETIONS = ("delete", "delete_thru", "delete_from", "delete_all")
ID_ACTIONS = ("change", "overlay", *DELETIONS)
BOOKLESS = {E.TRADE} | E.IGNORED_TYPES
NONE, WAITING, LIVE = "none", "waiting", "live"
# What an entry without a configured instrument concerns
FOREIGN = "foreign"  # an instrument that is not configured
NOT_LIVE = "not live"  # a book that awaits its snapshot
NOWHERE = "nowhere"  # it cannot be told
UNKNOWN_ID = "unknown id"
UNTOLD = "untold"  # an order that no book holds, of which the venue says that it does not matter
Place = int | str | None
Entries = list[dict[int, str]]


@dataclass
class Instrument:
    symbol: str
    security_id: str | None = None
    tick: str = "0.5"
    lot: str = "1"
    request: str = "77"  # MDReqID of its subscription
    state: str = WAITING
    asked: bool = True  # the venue has a subscription of it, whatever became of the book
    rpt_seq: int | None = None
    snapshot_seq: int | None = None  # RptSeq of the last W
    spoiled_by: str | None = None
    partial: bool = False  # a W that is continued in the next one is in the book
    continued: bool = False  # the venue has more of a snapshot to send, whatever became of its first part
    pending: bool = False  # an X that is continued in the next one is in the book


@dataclass
class Message:
    """What is known about the message that is being applied."""

    msg_type: str
    fields: Fields
    resent: bool = False  # PossDupFlag
    head: dict[int, str] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)  # rows whose book an entry of it is of: see `VenueBooks.apply`
    sequenced: set[int] = field(default_factory=set)  # rows whose RptSeq it has advanced


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
        self.last_rows: set[int] = set()  # that entries of the newest message concern

    def new_book(self, window: int) -> Book:
        if self.model == "price":
            return PriceBook(window, self.rules.unknown_levels == "invalidate")
        if self.model == "position":
            return PositionBook(window)
        if self.model == "tiers":
            return TierBook(self.rules.tier_sizes == "cumulative")
        if self.model == "order":
            return OrderBook(self.ignores_unknown_orders())
        return {"best": BestBook, "snapshots": SnapshotBook}[self.model]()

    def copy(self) -> "VenueBooks":
        """Books of their own with the same rules."""
        other = copy.copy(self)
        state = pickle.dumps((self.books, self.instruments))  # quicker than deepcopy
        other.books, other.instruments = pickle.loads(state)
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

    def usable(self, row: int) -> bool:
        return self.live(row) and not self.instruments[row].pending

    def levels(self, row: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(price in ticks, size in lots), best first; of a book that is not usable nothing."""
        if not self.usable(row):
            return [], []
        bids, offers = self.books[row].sides()
        return [(x.price, x.size) for x in bids], [(x.price, x.size) for x in offers]

    def subscribe(self, row: int) -> None:
        its = self.instruments[row]
        its.state, its.partial, its.pending, its.asked = WAITING, False, False, True

    def refuse(self, row: int) -> None:
        """The venue refuses the subscription of a book that is not live."""
        self.instruments[row].state, self.instruments[row].asked = NONE, False

    # --- messages

    def receive(self, msg_type: str, fields: Fields, resent: bool = False) -> None:
        message = Message(msg_type, fields, resent)
        self.last_rows = set()
        for its, book in zip(self.instruments, self.books, strict=True):
            if not its.partial and not its.pending:  # the parts of a snapshot or a change are one message
                book.begin()
        try:
            message.head, count, group = E.split(fields)
            entries = list(E.entries_of(msg_type, count, group, self.level_tag()))
            if msg_type == "W":
                self.snapshot(message, entries)
            else:
                self.increment(message, entries)
        except Malformed:
            self.malformed += 1
            self.spoil_malformed(message)
            return
        fragment = dict(message.fields).get(893) if msg_type == "X" else None
        for row, its in enumerate(self.instruments):
            was_pending, its.pending = its.pending, False
            if not self.live(row):
                continue
            if fragment == "N":
                its.pending = was_pending or row in message.touched
            elif row in message.touched or (was_pending and fragment == "Y"):
                self.end(row, message)
            elif was_pending:
                self.spoil(row, "out_of_order")

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
        its, found = self.instruments[row], dict(message.fields).get(self.rules.checksum.tag)
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
        its.state, its.rpt_seq, its.spoiled_by = NONE, None, reason
        its.partial = its.pending = False
        self.books[row].clear()
        self.reasons[reason] += 1

    def spoil_all(self, message: Message, reason: str) -> None:
        """All live books that the message may concern."""
        for row, its in enumerate(self.instruments):
            if self.at_stake(row) and its.request == message.head.get(262, its.request):
                self.spoil(row, reason)

    def spoil_malformed(self, message: Message) -> None:
        """Every book that the message names or has touched; all if it may concern books that it does not name."""
        tags = [tag for tag, _ in message.fields]
        at = tags.index(268) if 268 in tags else len(tags)
        head, group = message.fields[:at], message.fields[at + 1 :]
        places = {self.named({tag: value}) for tag, value in message.fields if tag in (48, 55) and value}
        rows = {place for place in places if isinstance(place, int)} | message.touched
        pending = {row for row, its in enumerate(self.instruments) if its.pending}
        addressed = [{tag for tag, value in part if tag in (48, 55) and value} for part in (head, *self.raw(group))]
        by_id = [bool({tag for tag, _ in raw} & {278, 280}) for raw in self.raw(group)]
        unclear = not addressed[0] and any(id and not names for id, names in zip(by_id, addressed[1:], strict=True))
        if not places or NOWHERE in places or unclear:
            rows = set(range(len(self.books)))
        if message.msg_type == "W" and dict(message.fields).get(893) == "N":
            for row in rows:
                self.instruments[row].continued = True
        for row in sorted(rows | pending):
            if message.msg_type == "W" or self.at_stake(row):
                self.spoil(row, "malformed")

    def raw(self, group: Fields) -> list[Fields]:
        return E.raw_entries(group, self.level_tag())

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
            if self.is_bookless(entry):
                return NOWHERE
            return self.holder(entry, action, before, message)
        return NOWHERE if before in (None, UNTOLD) else before

    def is_bookless(self, entry: dict[int, str]) -> bool:
        """The entry has no effect on a book, whatever else it says."""
        if entry.get(269) == E.TRADE and 278 in entry and self.model == "order":
            new = self.rules.actions.get(entry.get(279, "")) == "new"
            return not (new and self.rules.fills == "reduce")
        return entry.get(269) in BOOKLESS

    def holder(self, entry: dict[int, str], action: str, before: Place, message: Message) -> Place:
        id, ref = entry.get(278), entry.get(280)
        if action in DELETIONS and None not in (id, ref) and id != ref:
            return UNKNOWN_ID
        key = id if ref is None else ref
        concerned = [
            row for row, its in enumerate(self.instruments) if its.request == message.head.get(262, its.request)
        ]
        holders = [row for row in concerned if self.live(row) and self.books[row].holds(key)]
        if before in holders:
            return before
        if len(holders) == 1:
            return holders[0]
        if not holders and any(self.instruments[row].asked and not self.live(row) for row in concerned):
            for row in concerned:
                if self.instruments[row].partial:
                    self.spoil(row, "out_of_order")
            return NOT_LIVE
        if not holders and not ref and self.model == "order" and self.ignores_unknown_orders():
            return UNTOLD
        return UNKNOWN_ID

    def ignores_unknown_orders(self) -> bool:
        return self.rules.unknown_orders == "ignored"

    # --- X

    def increment(self, message: Message, entries: Entries) -> None:
        place: Place = None
        for entry in entries:
            place = self.place_of(entry, place, message)
            if isinstance(place, int):
                self.last_rows.add(place)
            if place == FOREIGN:
                self.unknown_symbols += 1
            elif place in (NOWHERE, UNKNOWN_ID):
                if not self.is_bookless(entry):
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
                if its.rpt_seq == its.snapshot_seq or message.resent:
                    return
                raise Spoiled("rpt_seq_gap")  # the venue counts from the start again
            if rpt_seq > its.rpt_seq + 1:
                raise Spoiled("rpt_seq_gap")
        if rpt_seq is not None:
            its.rpt_seq = rpt_seq
            message.sequenced.add(row)
        if its.partial and not self.is_bookless(entry):
            raise Spoiled("out_of_order")
        self.apply(row, entry, message)

    def apply(self, row: int, entry: dict[int, str], message: Message) -> None:
        """Of a book are its bids, offers and empty books, also Changes and Deletes of orders that do not matter, and
        trades that take something off its orders; not other trades and acknowledgements, which leave it as it was."""
        book, kind = self.books[row], entry.get(269)
        if self.is_bookless(entry):
            return
        if kind == E.TRADE:
            if book.fill(entry, self.instruments[row].lot):
                message.touched.add(row)
            return
        self.check_kind(entry)
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

    def check_kind(self, entry: dict[int, str]) -> None:
        if entry.get(269) not in (None, *E.BOOK_TYPES):
            raise Spoiled("unknown_type")

    def is_acknowledgement(self, entry: dict[int, str]) -> bool:
        return (
            self.rules.entries_without_id == "ignored"
            and self.model == "order"
            and 269 in entry
            and 278 not in entry
            and 280 not in entry
        )

    def empty(self, book: Book, entry: dict[int, str]) -> None:
        if entry.get(279, "0") not in ("0", "1", "2"):
            raise Spoiled("unknown_action")
        if not book.actions and 279 in entry:
            raise Spoiled("unsupported")
        book.clear()

    def quote(self, book: Book, action: str, entry: dict[int, str], its: Instrument) -> Quote:
        if 269 not in entry:
            id = entry.get(280, entry.get(278))
            side = book.side_of(id) if action in book.by_id and self.uses_ids and id else None
            if side is None:
                raise Spoiled("missing_field")
            entry = {**entry, 269: str(side)}
        quote = E.quote_of(entry, its.tick, its.lot, self.level_tag(), self.uses_ids, book.counts)
        if self.model in ("price", "best") and not self.uses_ids and 280 in entry:
            raise Spoiled("unsupported")
        return quote

    # --- W

    def snapshot(self, message: Message, entries: Entries) -> None:
        place = self.named(message.head)
        if place == FOREIGN:
            self.unknown_symbols += 1
        elif place in (None, NOWHERE):
            self.spoil_all(message, "unknown_instrument")
        elif self.is_due(place, message) and self.has_effect(place, message, entries):
            try:
                self.replace(place, message, entries)
            except Spoiled as spoiled:
                self.spoil(place, str(spoiled))
        if isinstance(place, int):
            self.note_continuation(self.instruments[place], message)

    def note_continuation(self, its: Instrument, message: Message) -> None:
        request = its.request if its.asked else None  # a refused one is nobody's
        if dict(message.fields).get(893) == "N":
            its.continued = True
        elif message.head.get(262, request) == request:
            its.continued = False

    def is_due(self, row: int, message: Message) -> bool:
        its = self.instruments[row]
        if its.state == NONE or message.head.get(262, its.request) != its.request:
            return False
        if 262 not in message.head and not its.partial and (message.resent or its.continued):
            return False
        return its.state == WAITING or 262 in message.head or self.rules.unrequested_snapshot == "apply"

    def has_effect(self, row: int, message: Message, entries: Entries) -> bool:
        """False for a W without an entry of the book, and for one that makes a live book unknown."""
        its, asked = self.instruments[row], 262 in message.head
        unsought = its.state == LIVE or (not its.partial and not asked)
        bookless = entries and all(entry.get(269) in BOOKLESS for entry in entries)
        if unsought and bookless and dict(message.fields).get(893) != "N":
            return False
        if its.state == WAITING:
            return True
        stated = [int(value) for tag, value in message.fields if tag == 83 and value.isdigit()]
        if stated and its.rpt_seq is not None and stated[-1] < its.rpt_seq:
            if not message.resent:
                self.spoil(row, "rpt_seq_gap")
            return False
        if not entries and not asked and self.model not in ("tiers", "snapshots"):
            self.spoil(row, "unsupported")
            return False
        return True

    def replace(self, row: int, message: Message, entries: Entries) -> None:
        book, its = self.books[row], self.instruments[row]
        if not its.partial:
            book.begin()
            book.clear()
        message.touched.add(row)
        self.last_rows.add(row)
        rpt_seq = E.rpt_seq_of(message.head)
        for entry in entries:
            rpt_seq = E.rpt_seq_of(entry) if 83 in entry else rpt_seq
            kind = entry.get(269)
            if kind in BOOKLESS:
                continue
            self.check_kind(entry)
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
        its.rpt_seq = its.snapshot_seq = rpt_seq


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
