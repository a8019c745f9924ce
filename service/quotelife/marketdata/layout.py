"""Arrays that the decoder works on. One writer: the feed they belong to.

control       int64[CONTROL_WORDS]        where to decode, what was found, counters; one per venue session
instruments   int64[rows, I_WORDS]        per board row: synchronisation, RptSeq, tick and lot; one per process
touched       int64[MAX_TOUCHED, T_WORDS] instruments changed by the message at hand
scratch       int64[SCRATCH_WORDS]        where the values of the message at hand begin and end
"""

# --- control: given
START, END = 0, 1  # bytes to decode; START moves behind what is done
LIMIT = 2  # longest message in bytes
BY_ORDER = 3  # 1: increments by MDEntryID, 0: by price level
# control: found
MESSAGE_START, MESSAGE_END = 4, 5  # a message for the session, or the malformed one
LOST = 6  # books that fell out of step since this was set to 0
REJECT_REASON, REJECT_SEQ_NUM = 7, 8  # SessionRejectReason and MsgSeqNum of a malformed message
REJECT_ALL = 9  # 1: it cannot be told which books it was about
SENT_START, SENT_END = 10, 11  # SendingTime of the last message taken, (0, 0) once it has been noted
# control: lateness, see `quotelife.marketdata.lateness`
QUICKEST_NS, QUICKEST_AT_NS = 12, 13  # monotonic time of the read less SendingTime, and when; 0 after a Logon
LATE_NS = 14
# control: counters
(
    MESSAGES,  # market-data messages taken in sequence
    ENTRIES,  # entries applied to a book, trades included
    TRADES,
    SNAPSHOTS,
    GARBLED,  # messages that did not frame
    SKIPPED_BYTES,  # bytes that belonged to no message
    UNKNOWN_SYMBOLS,  # entries about instruments that are not configured
    UNKNOWN_ORDERS,  # changes and deletions of orders that are not in the book
    OFF_TICK,  # prices between ticks and sizes between lots
    IGNORED,  # entries that are out of date: another MDReqID, no snapshot yet, old RptSeq
    DROPPED,  # messages behind a sequence gap, to be sent again
    DUPLICATES,  # PossDup messages already seen
    MALFORMED,
    BOOK_GAPS,  # gaps of RptSeq, and other reasons to distrust one book
) = range(16, 30)
CONTROL_WORDS = 32
COUNTER_NAMES = (
    "messages",
    "entries",
    "trades",
    "snapshots",
    "garbled",
    "skipped_bytes",
    "unknown_symbols",
    "unknown_orders",
    "off_tick",
    "ignored",
    "dropped",
    "duplicates",
    "malformed",
    "book_gaps",
)
FIRST_COUNTER = MESSAGES

# --- instruments
I_SYNC = 0  # one of the SYNC_ values
I_REQUEST = 1  # MDReqID of the subscription in force
I_RPT_SEQ = 2  # last RptSeq, -1 if not known
I_TICK_UNIT, I_TICK_SCALE = 3, 4  # tick = unit * 10**-scale
I_LOT_UNIT, I_LOT_SCALE = 5, 6
I_TOUCHED = 7  # 1 + slot in `touched` while a message is applied
I_WORDS = 8
# values of I_SYNC
SYNC_NONE = 0  # not subscribed, or fallen out of step: to be subscribed anew
SYNC_WAITING = 1  # subscribed, no snapshot yet
SYNC_LIVE = 2

# --- touched
T_ROW, T_BID_ADDS, T_ASK_ADDS, T_BID_CANCELS, T_ASK_CANCELS, T_WALL_NS, T_BOOK = range(7)
T_WORDS = 8
MAX_TOUCHED = 256

# --- scratch: pairs (start, end) of values; (0, 0) where the field is absent
S_SYMBOL, S_RPT_SEQ, S_TYPE, S_PX, S_SIZE, S_DATE, S_TIME, S_ID, S_ACTION, S_AGGRESSOR = range(0, 20, 2)
ENTRY_WORDS = 20  # the above belong to an entry and are cleared with each
S_SEQ_NUM, S_SENDING_TIME, S_POSS_DUP, S_TRANSACT_TIME, S_REQUEST, S_ENTRIES = range(20, 32, 2)
S_BODY = 32  # first field behind the header
S_SLOT = 33  # slots of `touched` in use
S_AHEAD = 34  # where the first Symbol of a message was found last, from its start; 0 if it was not
S_AHEAD_ROW = 35  # row of the message behind the one at hand + 1, 0 if it is not known
SCRATCH_WORDS = 40
