"""Layout of the board: one file in shared memory, written by the marketdata process alone, read by any other.

    +--------------------------+ 0
    | header   HEADER_WORDS    |  magic, versions, sizes, writer pid, heartbeat
    +--------------------------+
    | venues   MAX_VENUES      |  one block of VENUE_WORDS per market-data session
    |          x VENUE_WORDS   |
    +--------------------------+
    | rows     n_rows          |  one row of ROW_WORDS per instrument
    |          x ROW_WORDS     |
    +--------------------------+

A row, in words of 8 bytes:

    VERSION | state, times, constants | 10 levels a side | last trade | signals | cumulative channels | rings

Every window is a difference of two values of a cumulative channel, so a feature costs the same whatever the rate of the
market. `FAST` is a ring of the channels' values at each of the last 128 boundaries of 10 ms, `SLOW` of those at each of
the last 128 boundaries of 100 ms. Channels are int64 and may wrap: a difference stays exact.

VERSION is odd while the writer is inside the row (see `quotelife.shm.seqlock`), and rises by two with every change.
Prices are in ticks, sizes in lots, times in nanoseconds of the monotonic clock unless named otherwise. Change anything
here and raise `LAYOUT_VERSION`.
"""

from quotelife.config import limits

MAX_VENUES = limits.MAX_VENUES

MAGIC = 0x51_4C_42_4F_41_52_44_31  # "QLBOARD1"
LAYOUT_VERSION = 2
WORD_BYTES = 8

# --- header
H_MAGIC, H_LAYOUT_VERSION, H_SCHEMA_VERSION, H_ROWS, H_ROW_WORDS, H_WRITER_PID, H_HEARTBEAT_NS, H_STARTED_NS = range(8)
HEADER_WORDS = 64

# --- venue block
V_STATE, V_LAST_RECEIVED_NS, V_STATE_SINCE_NS, V_LOGONS, V_GAPS, V_MESSAGES, V_GARBLED = range(7)
V_LAG_NS = 7  # how much later than the quickest what was read last came, see `quotelife.marketdata.lateness`
V_LATE_SINCE_NS = 8  # since when that is more than the venue is allowed; 0 while it is not
VENUE_WORDS = 16
# values of V_STATE
VENUE_DOWN, VENUE_UP = 0, 1

# --- row
VERSION = 0
STATE = 1  # one of the BOOK_ values
STATE_SINCE_NS = 2
LAST_EVENT_NS = 3  # last message about this instrument
EXCHANGE_WALL_NS = 4  # TransactTime/MDEntryTime of that message, wall clock, 0 if unknown
UPDATES = 5  # messages applied
VENUE = 6  # index of the venue block
CORRELATED = 7  # row of the correlated instrument, -1 if none
VOLATILITY_INDEX_ROW = 8  # row of the volatility index, -1 if none
STALE_AFTER_NS = 9  # silence of the venue session after which the row is stale
FIRST_EVENT_NS = 10  # 0 until the first two-sided book
TOP_SINCE_NS = 11  # last change of the top of the book
N_BID, N_ASK = 12, 13  # levels held below, at most DEPTH
DEPTH = 10
BID_PX = 14
BID_SZ = BID_PX + DEPTH
ASK_PX = BID_SZ + DEPTH
ASK_SZ = ASK_PX + DEPTH
TRADE_PX = ASK_SZ + DEPTH  # last trade
TRADE_SZ = TRADE_PX + 1
TRADE_NS = TRADE_PX + 2
TRADES = TRADE_PX + 3  # trades so far
TRADED_LOTS = TRADE_PX + 4  # lots so far
SENTIMENT = TRADE_PX + 5  # float64 bits, in [-1, 1]
SENTIMENT_NS = TRADE_PX + 6  # when it came, 0 if never
SENTIMENT_HALF_LIFE_NS = TRADE_PX + 7
HALTED = TRADE_PX + 8  # 1 if the venue says trading is halted
MID2 = TRADE_PX + 9  # best bid + best offer: the mid in half ticks
SPREAD_T_NS = TRADE_PX + 10  # time up to which the spread's integrals are complete
FAST_SLICE = TRADE_PX + 11  # newest boundary written to the rings, in units of the slice
SLOW_SLICE = TRADE_PX + 12
HALTED_SINCE_NS = TRADE_PX + 13
TICK_SIZE = TRADE_PX + 14  # float64 bits: price of one tick, to turn an index into points
CHANNELS = TRADE_PX + 15

# cumulative channels (C_MID2 is a level: the mid at the boundary; C_SPREAD_NS is the time with a proper two-sided book,
# the other two spread channels are integrals over it)
(
    C_TOP,
    C_TRADE_PV,
    C_TRADE_V,
    C_SQ,
    C_SPREAD,
    C_SPREAD_SQ,
    C_SPREAD_NS,
    C_BID_ADD,
    C_ASK_ADD,
    C_BID_CANCEL,
    C_ASK_CANCEL,
    C_OFI,
    C_BUY_V,
    C_SELL_V,
    C_MID2,
) = range(15)
N_CHANNELS = 15
RING = 128  # a power of two
FAST_NS = 10_000_000
SLOW_NS = 100_000_000
FAST = CHANNELS + N_CHANNELS  # RING x N_CHANNELS
SLOW = FAST + RING * N_CHANNELS  # RING x 2: C_SQ, mid
S_SQ, S_MID2, SLOW_CHANNELS = 0, 1, 2
_END = SLOW + RING * SLOW_CHANNELS
ROW_WORDS = (_END + 7) // 8 * 8  # whole cache lines

# values of STATE, written by the writer
BOOK_EMPTY, BOOK_LIVE, BOOK_GAP, BOOK_DISCONNECTED = range(4)

# what a reader finds (quotelife.market.features.evaluate): the first that applies
(
    STATUS_OK,
    STATUS_WRITER_DEAD,
    STATUS_NO_BOOK,
    STATUS_GAP,
    STATUS_DISCONNECTED,
    STATUS_STALE,
    STATUS_HALTED,
    STATUS_ONE_SIDED,
    STATUS_CROSSED,
    STATUS_BUSY,
    STATUS_LATE,
) = range(11)
STATUS_NAMES = (
    "ok",
    "writer_dead",
    "no_book",
    "gap",
    "disconnected",
    "stale",
    "halted",
    "one_sided",
    "crossed",
    "busy",
    "late",
)

# a writer that has not beaten for this long is taken for dead
WRITER_DEAD_NS = 1_000_000_000

# --- snapshot: what a reader takes along with the features, int64
SNAP_STATUS = 0
SNAP_SINCE_NS = 1  # since when the status holds, monotonic
SNAP_LAST_EVENT_NS = 2
SNAP_N_BID, SNAP_N_ASK = 3, 4
SNAP_BID_PX = 5
SNAP_BID_SZ = SNAP_BID_PX + DEPTH
SNAP_ASK_PX = SNAP_BID_SZ + DEPTH
SNAP_ASK_SZ = SNAP_ASK_PX + DEPTH
SNAP_VERSION = SNAP_ASK_SZ + DEPTH  # of the row, of the correlated row and of the index when they were read: with
SNAP_CORRELATED_VERSION, SNAP_INDEX_VERSION = (
    SNAP_VERSION + 1,
    SNAP_VERSION + 2,
)  # these a replay stops at the same place
SNAP_WORDS = SNAP_VERSION + 3
