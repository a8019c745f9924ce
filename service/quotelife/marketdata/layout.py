"""Layout of the decoder's arrays. One writer: the feed that owns them.

control       int64[CONTROL_WORDS]        range to decode, results, counters, the venue's dialect; one per venue session
instruments   int64[rows, I_WORDS]        per row, sources too: synchronisation, RptSeq, tick and lot; one per process
touched       int64[rows + 1, T_WORDS]    instruments changed by the current message, and by fragments before it
scratch       int64[SCRATCH_WORDS]        start and end of the current message's values
changes       int64[MAX_CHANGES, CH_WORDS] levels that the current message changed, where the model needs them
staged        int64[2 * rows, levels, ST_WORDS] bids and offers of a W, at 2 * row + side, where the model needs them
"""

from quotelife.metrics.labels import INVALIDATIONS

# --- control: input
START, END = 0, 1  # bytes to decode; START advances past decoded bytes
LIMIT = 2  # longest message in bytes
# control: results
MESSAGE_START, MESSAGE_END = 4, 5  # a message for the session, or the malformed one
LOST = 6  # books that became invalid since this was set to 0
REJECT_REASON, REJECT_SEQ_NUM = 7, 8  # SessionRejectReason and MsgSeqNum of a malformed message
SENT_START, SENT_END = 10, 11  # SendingTime of the last message applied, (0, 0) once measured
# control: lateness, see `quotelife.marketdata.lateness`
QUICKEST_NS, QUICKEST_AT_NS = 12, 13  # monotonic time of the read less SendingTime, and when; 0 after a Logon
LATE_NS = 14
# control: counters
(
    MESSAGES,  # market-data messages applied in sequence
    ENTRIES,  # entries applied to a book, trades included
    TRADES,
    SNAPSHOTS,
    GARBLED,  # messages that did not frame
    SKIPPED_BYTES,  # bytes that belonged to no message
    UNKNOWN_SYMBOLS,  # entries about instruments that are not configured
    OFF_TICK,  # prices between ticks and sizes between lots
    IGNORED,  # entries without effect: outdated, another MDReqID, no snapshot yet, a type that is not of the book
    DROPPED,  # messages after a sequence gap, to be resent
    DUPLICATES,  # PossDup messages processed before
    MALFORMED,
    BOOK_GAPS,  # books invalidated by the decoder, whatever the reason
) = range(16, 29)
# control: why books became invalid, a counter per reason
INVALIDATED = 32
(
    R_RPT_SEQ_GAP,
    R_UNKNOWN_ENTRY,  # Change or Delete of an entry that is not in the book
    R_DUPLICATE_ENTRY,
    R_UNKNOWN_INSTRUMENT,
    R_UNKNOWN_ACTION,
    R_UNKNOWN_TYPE,
    R_MISSING_FIELD,
    R_OFF_GRID,  # a price between two ticks, or a size between two lots
    R_WINDOW,  # a new level beyond the subscribed depth
    R_OUT_OF_ORDER,  # levels whose prices do not worsen with their positions
    R_UNSUPPORTED,  # the venue's book model has no such message
    R_CHECKSUM,
    R_ORDERS_FULL,
    R_MALFORMED,
    R_SESSION_GAP,
) = range(len(INVALIDATIONS))
R_NONE = -1
LAST_INVALID_ROW = 47  # board row of the book that was invalidated last
# control: the dialect, see `quotelife.marketdata.dialect`
(
    MODEL,  # one of the MODEL_ values
    WINDOW,  # levels a side that the venue keeps up to date; 0: all
    IDS,  # 1: MDEntryID names price levels
    UNKNOWN_LEVELS,  # 1: Change and Delete of a price without a level invalidate the book
    UNREQUESTED,  # 1: a W without MDReqID is ignored while the book is live
    CUMULATIVE,  # 1: the size of a tier contains the better tiers
    CHECKSUM,  # one of the CHECKSUM_ values
    BY_SECURITY_ID,  # 1: SecurityID (48) names the instrument, and Symbol (55) where it is absent
    FINISH,  # 1: the books that a message changed are checked at its end
    IGNORE_WITHOUT_ID,  # 1: increments of orders without MDEntryID are ignored
    IGNORE_UNKNOWN,  # 1: Change and Delete of an order that is not in the book are ignored
    FILLS,  # 1: a trade with the id of an order takes its size off that order
    OTHER_COMPLETE,  # 1: every instrument of the session is configured with that other name
    BUY,  # hashes of the aggressor's values
    SELL,
) = range(48, 63)
# control: instruments of several venues, see `quotelife.market.sources`
N_INSTRUMENTS = 64  # rows from here on are sources
SOURCE_STATE = 65  # address of the address list that the kernels of `combine` take
# control: increments that arrive before their snapshot, see `quotelife.marketdata.subscription.early_increments`
KEEP_EARLY = 66  # 1: they are kept
EARLY_ROW = 67  # 1 + row of the last one, 0 if the last message has none
KEPT = 68  # number of those that are kept
CONTROL_WORDS = 70
MODELS = ("price", "order", "position", "tiers", "best", "snapshots")
MODEL_PRICE, MODEL_ORDER, MODEL_POSITION, MODEL_TIERS, MODEL_BEST, MODEL_SNAPSHOTS = range(len(MODELS))
CHECKSUM_NONE, CHECKSUM_KRAKEN = range(2)
# what MDUpdateAction (279) means; 0: the profile does not say
ACTIONS = ("new", "change", "delete", "delete_thru", "delete_from", "overlay", "delete_all", "append")
A_NEW, A_CHANGE, A_DELETE, A_DELETE_THRU, A_DELETE_FROM, A_OVERLAY, A_DELETE_ALL, A_APPEND = range(1, len(ACTIONS) + 1)

# --- instruments
I_SYNC = 0  # one of the SYNC_ values
I_REQUEST = 1  # MDReqID of the current subscription
I_RPT_SEQ = 2  # last RptSeq, -1 if unknown
I_TICK_UNIT, I_TICK_SCALE = 3, 4  # tick = unit * 10**-scale
I_LOT_UNIT, I_LOT_SCALE = 5, 6
I_TOUCHED = 7  # 1 + slot in `touched` while a message is applied
I_HAS_IDS = 8  # 1: levels of the book may have ids
I_TRADE_REQUEST = 9  # MDReqID of the subscription of trades alone, 0 if there is none
I_PX_DECIMALS, I_SIZE_DECIMALS = 10, 11  # of the venue's checksum; -1: those of tick and lot
I_STAGED_BIDS, I_STAGED_OFFERS = 12, 13  # entries in `staged`
I_TAGGED = 14  # of the staged ones: bits by side, 1 without a position, 2 with one; offers shifted by 2
I_SNAPSHOT_SEQ = 15  # RptSeq of the last W, -1 without
I_PARTS = 16  # parts of a snapshot that have come, while the venue has more of it to send, whatever became of them
I_WORDS = 24
# values of I_SYNC
SYNC_NONE = 0  # not subscribed, or invalid: must be subscribed again
SYNC_WAITING = 1  # subscribed, no snapshot yet
SYNC_LIVE = 2
SYNC_PARTIAL = 3  # a W is applied that the next one continues (LastFragment 893=N)

# --- touched
T_ROW, T_BID_ADDS, T_ASK_ADDS, T_BID_CANCELS, T_ASK_CANCELS, T_WALL_NS, T_BOOK, T_SNAPSHOT = range(8)
T_OVERFLOW = 8  # 1: not every change of the instrument is in `changes`
T_SEQUENCED = 9  # MsgSeqNum after that of the X whose entries had RptSeq last
T_PENDING = 10  # 1: the book has fragments of a change (X with 893=N) whose rest is to come
T_WORDS = 16

# --- changes: of window books the levels put, of positions the prices that changed, of the best the quotes replaced
CH_SLOT, CH_SIDE, CH_PX, CH_ID = range(4)
CH_WORDS = 4
MAX_CHANGES = 1 << 12

# --- staged entries of a W whose levels are known at its end
ST_KEY, ST_PX, ST_SIZE, ST_COUNT = range(4)  # ST_KEY: position, or the size of a tier
ST_WORDS = 4

# --- text of a checksum: twenty levels, two numbers of at most 19 digits each, written eight at a time
TEXT_NUMBERS = 20 * 2
TEXT_BYTES = TEXT_NUMBERS * 19 + 2 * 8
# digits int64[rows, TEXT_NUMBERS, DG_WORDS]: the numbers that were in the text last; most stay where they are
DG_KEY, DG_TEXT, DG_LENGTH = range(3)  # the number plus 1; its digits, the first one lowest, and how many
DG_WORDS = 3

# --- scratch: pairs (start, end) of values; (0, 0) where the field is absent. S_UNUSED collects the tags of no use.
# Of the first ones, which decide about the book, each may stand once in an entry, and only names may be empty.
(
    S_UNUSED,
    S_SYMBOL,
    S_SECURITY_ID,
    S_RPT_SEQ,
    S_TYPE,
    S_PX,
    S_SIZE,
    S_ID,
    S_REF_ID,
    S_ACTION,
    S_ORDERS,
    S_LEVEL,
    S_DATE,
    S_TIME,
    S_AGGRESSOR,
) = range(0, 30, 2)
LAST_DECISIVE = S_LEVEL
ENTRY_WORDS = 30  # the above are cleared for each entry
S_SEQ_NUM, S_SENDING_TIME, S_POSS_DUP, S_TRANSACT_TIME, S_REQUEST, S_ENTRIES, S_LAST_FRAGMENT, S_CHECKSUM = range(
    30, 46, 2
)
S_BODY = 48  # first field after the header
S_SLOT = 49  # slots of `touched` in use
S_SYMBOL_HINT = 50  # offset of the first Symbol in the previous message; 0 if not found
S_NEXT_ROW = 51  # 1 + row of the next message's instrument, 0 if unknown
S_CHANGES = 52  # records in `changes`
S_ROW = 53  # of the entry applied last
S_STRUCTURE = 54  # see `decoding.fields.is_well_formed`; 0: not known yet
# values of the entry, read by `entry_values`
V_PX, V_SIZE, V_ORDERS, V_ID, V_REF_ID, V_LEVEL, V_WALL_NS = range(56, 63)
V_REQUEST = 63  # MDReqID before the group, ABSENT without one
S_PENDING = 64  # 1: a row of `touched` is T_PENDING
S_SNAPSHOT_ROW = 65  # 1 + row of the W
SCRATCH_WORDS = 72
ABSENT = -(2**62)  # of V_PX, V_SIZE, V_ORDERS, V_LEVEL; ids are 0
