"""Layout of the board, a file in shared memory: only the marketdata process writes, any process reads.

    +--------------------------+ 0
    | header   HEADER_WORDS    |  magic, versions, sizes, writer pid, heartbeat
    +--------------------------+
    | venues   MAX_VENUES      |  one block of VENUE_WORDS per market-data session
    |          x VENUE_WORDS   |
    +--------------------------+
    | rows     n_rows          |  one row of ROW_WORDS per instrument
    |          x ROW_WORDS     |
    +--------------------------+
    | sources  n_sources       |  one row per venue of each instrument that has several, see `quotelife.market.sources`
    |          x ROW_WORDS     |
    +--------------------------+

A row, in words of 8 bytes:

    VERSION | state, times, constants | 10 levels a side | last trade | signals | memory | cumulative channels | rings

A window is the difference of two values of a cumulative channel, so the cost of a feature does not depend on the event
rate. `FAST` is a ring of the channels' values at the last 128 boundaries of 10 ms, `SLOW` of two of them at the last
128 boundaries of 100 ms. Channels are int64 and may wrap: a difference stays exact. The memory holds what no later
event restores: decayed sums, each with the time that it is decayed to (`quotelife.market.features.memory`).

VERSION is odd while the writer changes the row (see `quotelife.shm.seqlock`) and increases by two with each change.
Prices are in ticks, sizes in lots, times in nanoseconds of the monotonic clock unless named otherwise. Raise
`LAYOUT_VERSION` with every change here.
"""

from quotelife.config import limits
from quotelife.shm.layout import Layout

MAX_VENUES = limits.MAX_VENUES

MAGIC = 0x51_4C_42_4F_41_52_44_31  # "QLBOARD1"
LAYOUT_VERSION = 5

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_SCHEMA_VERSION = HEADER.int64("schema_version")
H_ROWS = HEADER.int64("rows")
H_ROW_WORDS = HEADER.int64("row_words")
H_WRITER_PID = HEADER.int64("writer_pid")
H_HEARTBEAT_NS = HEADER.int64("heartbeat_ns")
H_STARTED_NS = HEADER.int64("started_ns")
H_SOURCES = HEADER.int64("sources")  # rows behind those of the instruments
# See `quotelife.shm.change_signal`: the writer announces each batch of changes to the quoting process, whose monitor
# writes H_WAITING, the only word of the board that a reader writes. On a line of its own: both write to it.
H_CHANGES = HEADER.int64("changes", align=8)
H_WAITING = HEADER.int64("waiting")
HEADER_WORDS = HEADER.size(64)

VENUE_BLOCK = Layout()
V_STATE = VENUE_BLOCK.int64("state")  # VENUE_DOWN or VENUE_UP
V_LAST_RECEIVED_NS = VENUE_BLOCK.int64("last_received_ns")
V_STATE_SINCE_NS = VENUE_BLOCK.int64("state_since_ns")
V_LOGONS = VENUE_BLOCK.int64("logons")
V_GAPS = VENUE_BLOCK.int64("gaps")
V_MESSAGES = VENUE_BLOCK.int64("messages")
V_GARBLED = VENUE_BLOCK.int64("garbled")
# Delay of the last read relative to the fastest one, see `quotelife.marketdata.lateness`.
V_LAG_NS = VENUE_BLOCK.int64("lag_ns")
V_LATE_SINCE_NS = VENUE_BLOCK.int64("late_since_ns")  # when the lag began to exceed the venue's limit, 0 if it does not
VENUE_WORDS = VENUE_BLOCK.size()
VENUE_DOWN, VENUE_UP = 0, 1

DEPTH = 10  # levels a side
N_CHANNELS = 15
RING = 128  # boundaries in each ring; a power of two
FAST_NS = 10_000_000
SLOW_NS = 100_000_000
S_SQ, S_MID2, SLOW_CHANNELS = 0, 1, 2

ROW = Layout()
VERSION = ROW.int64("version")
STATE = ROW.int64("state")  # one of the BOOK_ values
STATE_SINCE_NS = ROW.int64("state_since_ns")
LAST_EVENT_NS = ROW.int64("last_event_ns")  # last message for this instrument
EXCHANGE_WALL_NS = ROW.int64(
    "exchange_wall_ns"
)  # TransactTime or MDEntryTime of that message, wall clock, 0 if unknown
UPDATES = ROW.int64("updates")  # messages applied
VENUE = ROW.int64("venue")  # index of the venue block; of several venues in use, that heard least recently
# PARTS, and VENUE of such a row, change without VERSION: each is read on its own.
PARTS = ROW.int64("parts")  # bit i: the book is that of the instrument's source i, or has a part of it
COMBINE = ROW.int64("combine")  # how the sources become one book, one of the COMBINE_ values
N_SOURCES = ROW.int64("n_sources")  # 0 for an instrument of one venue
FIRST_SOURCE = ROW.int64("first_source")  # row of the first source, behind which the others are
INSTRUMENT_ROW = ROW.int64("instrument_row")  # of a source: the row of its instrument
CORRELATED = ROW.int64("correlated")  # row of the correlated instrument, -1 if none
VOLATILITY_INDEX_ROW = ROW.int64("volatility_index_row")  # row of the volatility index, -1 if none
STALE_AFTER_NS = ROW.int64("stale_after_ns")  # the row is stale after this much silence of the venue session
FIRST_EVENT_NS = ROW.int64("first_event_ns")  # 0 until the first two-sided book
TOP_SINCE_NS = ROW.int64("top_since_ns")  # last change of the top of the book
N_BID = ROW.int64("n_bid")  # levels stored below, at most DEPTH
N_ASK = ROW.int64("n_ask")
BID_PX = ROW.int64("bid_px", DEPTH)
BID_SZ = ROW.int64("bid_sz", DEPTH)
ASK_PX = ROW.int64("ask_px", DEPTH)
ASK_SZ = ROW.int64("ask_sz", DEPTH)
TRADE_PX = ROW.int64("trade_px")  # last trade
TRADE_SZ = ROW.int64("trade_sz")
TRADE_NS = ROW.int64("trade_ns")
TRADES = ROW.int64("trades")  # number of trades so far
TRADED_LOTS = ROW.int64("traded_lots")  # lots traded so far
SENTIMENT = ROW.float64("sentiment")  # in [-1, 1]
SENTIMENT_NS = ROW.int64("sentiment_ns")  # when it was received, 0 if never
SENTIMENT_HALF_LIFE_NS = ROW.int64("sentiment_half_life_ns")
HALTED = ROW.int64("halted")  # 1 if the venue has halted trading
SPREAD_T_NS = ROW.int64("spread_t_ns")  # end of the time covered by the spread integrals
FAST_SLICE = ROW.int64("fast_slice")  # newest boundary in the ring, in units of FAST_NS
SLOW_SLICE = ROW.int64("slow_slice")  # the same, in units of SLOW_NS
HALTED_SINCE_NS = ROW.int64("halted_since_ns")
TICK_SIZE = ROW.float64("tick_size")  # price of one tick, to convert an index into points
BID_PX_SINCE_NS = ROW.int64("bid_px_since_ns")  # last change of the best bid's price; the memory begins here
ASK_PX_SINCE_NS = ROW.int64("ask_px_since_ns")
SIZES_T_NS = ROW.int64("sizes_t_ns")  # time to which the sizes are decayed
INTENSITY_T_NS = ROW.int64("intensity_t_ns")
SQUARES_T_NS = ROW.int64("squares_t_ns")
MID2 = ROW.int64("mid2")  # best bid + best offer: the mid in half ticks
SIZES = ROW.float64("sizes", 2)  # weighted mean of the best bid's and offer's size, times its weight
SIZES_WEIGHT = ROW.float64("sizes_weight", 2)  # 1 - exp(-t / time constant) after a time t with such a price
INTENSITY = ROW.float64("intensity", 2)  # decayed number of trades by buyers and by sellers
SQUARES = ROW.float64("squares")  # decayed sum of the squared changes of MID2
SQUARES_WEIGHT = ROW.float64("squares_weight")
CHANNELS = ROW.int64("channels", N_CHANNELS)
FAST = ROW.int64("fast", RING * N_CHANNELS)
SLOW = ROW.int64("slow", RING * SLOW_CHANNELS)  # C_SQ, mid
ROW_WORDS = ROW.size()
MEMORY, MEMORY_TIMES, MEMORY_WORDS = BID_PX_SINCE_NS, MID2 - BID_PX_SINCE_NS, CHANNELS - BID_PX_SINCE_NS

# Cumulative channels, except C_MID2, which is the mid at the boundary. C_SPREAD_NS is the time with an uncrossed
# two-sided book; C_SPREAD and C_SPREAD_SQ are integrals over that time.
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
) = range(N_CHANNELS)

# values of STATE; BOOK_MISMATCH: the venue's list of instruments does not confirm tick and lot, so there is no book
BOOK_EMPTY, BOOK_LIVE, BOOK_GAP, BOOK_DISCONNECTED, BOOK_MISMATCH = range(5)

# values of COMBINE
COMBINE_FAILOVER, COMBINE_CONSOLIDATED = range(2)
COMBINE_NAMES = ("failover", "consolidated")

# status of a row as `quotelife.market.features.evaluate` reports it: the first that applies
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
    STATUS_MISMATCH,
) = range(12)
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
    "mismatch",
)

# age of the heartbeat at which the writer counts as dead
WRITER_DEAD_NS = 1_000_000_000

# What `evaluate` copies together with the features, int64.
SNAPSHOT = Layout()
SNAP_STATUS = SNAPSHOT.int64("status")
SNAP_SINCE_NS = SNAPSHOT.int64("since_ns")  # when the status began, monotonic
SNAP_LAST_EVENT_NS = SNAPSHOT.int64("last_event_ns")
SNAP_N_BID = SNAPSHOT.int64("n_bid")
SNAP_N_ASK = SNAPSHOT.int64("n_ask")
SNAP_BID_PX = SNAPSHOT.int64("bid_px", DEPTH)
SNAP_BID_SZ = SNAPSHOT.int64("bid_sz", DEPTH)
SNAP_ASK_PX = SNAPSHOT.int64("ask_px", DEPTH)
SNAP_ASK_SZ = SNAPSHOT.int64("ask_sz", DEPTH)
# Versions of the row, the correlated row and the index row that were read, so that a replay stops at the same event.
SNAP_VERSION = SNAPSHOT.int64("version")
SNAP_CORRELATED_VERSION = SNAPSHOT.int64("correlated_version")
SNAP_INDEX_VERSION = SNAPSHOT.int64("index_version")
SNAP_WORDS = SNAPSHOT.size(1)
