"""What the decoder needs of a venue's profile, and the words and tables in which its kernels read it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from quotelife.config.venues.venue_profile import BookModel, BookProfile, VenueProfile
from quotelife.fix import tags
from quotelife.market.book.orders import hash_bytes
from quotelife.marketdata import layout as M

Array = np.ndarray[Any, np.dtype[np.int64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

GENERIC = VenueProfile(title="generic", tried="by tests")
TABLE_TAGS = 1 << 13  # tags from here on stand in a list

_FIELDS = {
    tags.Symbol: M.S_SYMBOL,
    tags.SecurityID: M.S_SECURITY_ID,
    tags.TransactTime: M.S_TRANSACT_TIME,
    tags.RptSeq: M.S_RPT_SEQ,
    tags.MDReqID: M.S_REQUEST,
    tags.LastFragment: M.S_LAST_FRAGMENT,
    tags.NoMDEntries: M.S_ENTRIES,
    tags.MDEntryType: M.S_TYPE,
    tags.MDEntryPx: M.S_PX,
    tags.MDEntrySize: M.S_SIZE,
    tags.MDEntryDate: M.S_DATE,
    tags.MDEntryTime: M.S_TIME,
    tags.MDEntryID: M.S_ID,
    tags.MDEntryRefID: M.S_REF_ID,
    tags.MDUpdateAction: M.S_ACTION,
    tags.NumberOfOrders: M.S_ORDERS,
}
_CHECKSUMS = {"kraken-crc32": M.CHECKSUM_KRAKEN}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a venue's W and X are to be read. `depth` is the MarketDepth (264) subscribed; without a snapshot the book
    is live and empty from the subscription on."""

    model: BookModel
    depth: int
    book: BookProfile
    by_security_id: bool
    no_snapshot: bool

    @property
    def stages(self) -> bool:
        """The levels of a W are known only at its end."""
        return self.model in ("position", "tiers")

    @property
    def by_order(self) -> bool:
        return self.model == "order"


def dialect_of(profile: VenueProfile, model: BookModel | None = None, depth: int | None = None) -> Dialect:
    """Dialect of a session. None: the profile's first model, its first depth. ValueError for what it does not allow."""
    book = profile.book
    if model is None:
        model = book.models[0]
    elif model not in book.models:
        raise ValueError(f"model {model!r}; allowed: {', '.join(book.models)}")
    for value in book.actions:
        if len(value) != 1 or not value.isascii():
            raise ValueError(f"book.actions: {value!r}; allowed: one character")
    if depth is None:
        depth = first_depth(profile)
    if depth == 1 and model == "price" and book.window == "subscribed":
        model = "best"  # the venue sends the best level alone: a new one replaces the old one
    return Dialect(
        model, depth, book, profile.instruments.address == "SecurityID", no_snapshot=not profile.subscription.snapshot
    )


def first_depth(profile: VenueProfile) -> int:
    """The first MarketDepth that the profile allows, 0 (the full book) if it does not say."""
    subscription = profile.subscription
    if subscription.depths:
        return subscription.depths[0]
    return subscription.depth_range[0] if subscription.depth_range is not None else 0


def write_words(control: Array, dialect: Dialect, other_complete: bool) -> None:
    """Set the dialect's words. `other_complete`: each instrument has the other name (48 for 55, or 55 for 48)."""
    book = dialect.book
    windowed = dialect.model in ("price", "position") and book.window == "subscribed"
    control[M.MODEL] = M.MODELS.index(dialect.model)
    control[M.WINDOW] = dialect.depth if windowed else 0
    control[M.IDS] = book.entry_id == "identity"
    control[M.UNKNOWN_LEVELS] = book.unknown_levels == "invalidate"
    control[M.UNREQUESTED] = book.unrequested_snapshot == "ignore"
    control[M.CUMULATIVE] = book.tier_sizes == "cumulative"
    control[M.CHECKSUM] = _CHECKSUMS[book.checksum.algorithm] if book.checksum is not None else M.CHECKSUM_NONE
    control[M.BY_SECURITY_ID] = dialect.by_security_id
    control[M.IGNORE_WITHOUT_ID] = book.entries_without_id == "ignored"
    control[M.IGNORE_UNKNOWN] = book.unknown_orders == "ignored"
    control[M.FILLS] = dialect.model == "order" and book.fills == "reduce"
    control[M.FINISH] = dialect.model == "position" or control[M.WINDOW] > 0 or control[M.CHECKSUM] != 0
    control[M.OTHER_COMPLETE] = other_complete
    control[M.BUY], control[M.SELL] = _hash(book.buy), _hash(book.sell)


def _hash(value: str) -> int:
    text = value.encode()
    return int(hash_bytes(np.frombuffer(text, np.uint8).copy(), 0, len(text)))


def field_slots(dialect: Dialect) -> tuple[Bytes, Array]:
    """Tag to scratch slot: uint8[TABLE_TAGS], S_UNUSED for tags of no use; int64[n, 2] of tags beyond the table."""
    book = dialect.book
    slots = dict(_FIELDS)
    aggressor = (tags.AggressorSide, tags.CmeAggressorSide) if book.aggressor_tag is None else (book.aggressor_tag,)
    slots |= dict.fromkeys(aggressor, M.S_AGGRESSOR)
    if dialect.model == "position":
        slots[book.level_tag] = M.S_LEVEL
    if book.checksum is not None:
        slots[book.checksum.tag] = M.S_CHECKSUM
    table = np.full(TABLE_TAGS, M.S_UNUSED, np.uint8)
    beyond = [(tag, slot) for tag, slot in slots.items() if tag >= TABLE_TAGS]
    for tag, slot in slots.items():
        if tag < TABLE_TAGS:
            table[tag] = slot
    return table, np.array(beyond, np.int64).reshape(-1, 2)


def action_codes(dialect: Dialect) -> Bytes:
    """Byte of MDUpdateAction to an A_ value, 0 where the profile has no meaning for it: uint8[256]."""
    codes = np.zeros(256, np.uint8)
    for value, action in dialect.book.actions.items():
        codes[ord(value)] = M.ACTIONS.index(action) + 1
    return codes
