"""Layout of the decoder's arrays. One writer: the feed that owns them.

control       int64[CONTROL_WORDS]        range to decode, results, counters; one per venue session
instruments   int64[rows, I_WORDS]        per board row: synchronisation, RptSeq, tick and lot; one per process
touched       int64[MAX_TOUCHED, T_WORDS] instruments changed by the current message
scratch       int64[SCRATCH_WORDS]        start and end of the current message's values
"""

# --- control: input
START, END = 0, 1  # bytes to decode; START advances past decoded bytes
LIMIT = 2  # longest message in bytes
BY_ORDER = 3  # 1: increments by MDEntryID, 0: by price level
# control: results
MESSAGE_START, MESSAGE_END = 4, 5  # a message for the session, or the malformed one
LOST = 6  # books that became invalid since this was set to 0
REJECT_REASON, REJECT_SEQ_NUM = 7, 8  # SessionRejectReason and MsgSeqNum of a malformed message
REJECT_ALL = 9  # 1: the instruments of a malformed message could not be read
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
    UNKNOWN_ORDERS,  # changes and deletions of orders that are not in the book
    OFF_TICK,  # prices between ticks and sizes between lots
    IGNORED,  # outdated entries: another MDReqID, no snapshot yet, old RptSeq
    DROPPED,  # messages after a sequence gap, to be resent
    DUPLICATES,  # PossDup messages processed before
    MALFORMED,
    BOOK_GAPS,  # gaps of RptSeq, and other reasons to invalidate one book
) = range(16, 30)
CONTROL_WORDS = 32

# --- instruments
I_SYNC = 0  # one of the SYNC_ values
I_REQUEST = 1  # MDReqID of the current subscription
I_RPT_SEQ = 2  # last RptSeq, -1 if unknown
I_TICK_UNIT, I_TICK_SCALE = 3, 4  # tick = unit * 10**-scale
I_LOT_UNIT, I_LOT_SCALE = 5, 6
I_TOUCHED = 7  # 1 + slot in `touched` while a message is applied
I_WORDS = 8
# values of I_SYNC
SYNC_NONE = 0  # not subscribed, or invalid: must be subscribed again
SYNC_WAITING = 1  # subscribed, no snapshot yet
SYNC_LIVE = 2

# --- touched
T_ROW, T_BID_ADDS, T_ASK_ADDS, T_BID_CANCELS, T_ASK_CANCELS, T_WALL_NS, T_BOOK = range(7)
T_WORDS = 8
MAX_TOUCHED = 256

# --- scratch: pairs (start, end) of values; (0, 0) where the field is absent
S_SYMBOL, S_RPT_SEQ, S_TYPE, S_PX, S_SIZE, S_DATE, S_TIME, S_ID, S_ACTION, S_AGGRESSOR = range(0, 20, 2)
ENTRY_WORDS = 20  # the above are cleared for each entry
S_SEQ_NUM, S_SENDING_TIME, S_POSS_DUP, S_TRANSACT_TIME, S_REQUEST, S_ENTRIES = range(20, 32, 2)
S_BODY = 32  # first field after the header
S_SLOT = 33  # slots of `touched` in use
S_SYMBOL_HINT = 34  # offset of the first Symbol in the previous message; 0 if not found
S_NEXT_ROW = 35  # 1 + row of the next message's instrument, 0 if unknown
SCRATCH_WORDS = 40
