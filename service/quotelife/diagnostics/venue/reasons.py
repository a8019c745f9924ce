"""What the feed's counters mean to a reader: why a message was not understood, and where to look."""

from quotelife.marketdata import layout as M
from quotelife.metrics.labels import INVALIDATIONS

_BY_SESSION = ("malformed", "session_gap")  # shown by the messages that the session sends
NOT_UNDERSTOOD = {
    M.GARBLED: "garbled",
    M.UNKNOWN_SYMBOLS: "unknown_symbol",
    **{M.INVALIDATED + n: name for n, name in enumerate(INVALIDATIONS) if name not in _BY_SESSION},
}
NOTED = {
    M.IGNORED: "entries without effect (outdated, early, or of a type that is no part of a book)",
    M.OFF_TICK: "trades between two ticks or lots, rounded",
    M.DROPPED: "messages after a sequence gap, which are sent again",
    M.DUPLICATES: "messages received twice",
}
MEANINGS = {
    "garbled": "bytes that are no FIX message, or a wrong BodyLength or CheckSum",
    "unknown_symbol": "an instrument that was not asked for: compare Symbol (55) and SecurityID (48) with venue_symbol "
    "and security_id, and instruments.address of the profile",
    "rpt_seq_gap": "RptSeq (83) does not increase by one per entry or message: messages are missing, or the venue "
    "counts otherwise",
    "unknown_entry": "a Change or Delete of an entry that is not in the book: see book.models, book.entry_id and "
    "book.unknown_levels of the profile",
    "duplicate_entry": "a New of an entry that is there already: see book.models and book.entry_id of the profile",
    "unknown_instrument": "an entry without an instrument: neither 55 nor 48, and no entry before it has one",
    "unknown_action": "a value of MDUpdateAction (279) that book.actions of the profile does not name",
    "unknown_type": "a value of MDEntryType (269) that FIX does not define",
    "missing_field": "an entry without a field that its action needs: see book.models, book.level_tag of the profile",
    "off_grid": "a price between two ticks or a size between two lots: compare tick and lot of the [[instrument]]",
    "window": "a level beyond the subscribed depth: see depth of the [[venue]] and book.window of the profile",
    "out_of_order": "positions and prices that contradict each other: see book.actions of the profile",
    "unsupported": "a message that the book's model lacks: see book of the [[venue]], book.models of the profile",
    "checksum": "the book is not the venue's: its checksum differs",
    "orders_full": "more resting orders than there is room for",
}
