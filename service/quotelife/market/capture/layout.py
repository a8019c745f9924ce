"""Layout of the capture ring: a file in shared memory, written by the marketdata process alone, read by any other.

    +-------------------------+ 0
    | header   HEADER_WORDS   |  magic, versions, sizes, run, how far the writer is
    +-------------------------+
    | events   n_events       |  event of sequence number s in place s mod n_events, a power of two
    |          x EVENT_WORDS  |
    +-------------------------+

An event, a cache line of words of 8 bytes:

    RECEIVED_NS | WHAT | WALL_NS | EXCHANGE_NS | A | B | C | D

    WHAT    kind | detail << 8 | board row << 16

The writer raises INTENT before it writes an event and NEXT behind it (see `quotelife.shm.seqlock`); what a reader has
copied is whole if INTENT has not come a ring further meanwhile. RECEIVED_NS is the time that the feature kernels were
given, so the kernels of `quotelife.market.features.update` can be run over the events again, with the same result bit
for bit; WALL_NS is the wall clock of the same read, EXCHANGE_NS the venue's time, 0 if unknown.

By kind, prices in ticks, sizes in lots:

    start         the row is as new: nothing is known of it yet
    clear         both sides of the book are empty; a snapshot follows, or the book is lost
    level         detail: side. A price, B size after this, 0 if the level is gone, C orders in it
    book          ends what one message did to this book: it was published. A best bid, B best offer, NO_PRICE without;
                  C order additions and removals, see `counts`
    trade         A price, B size, C aggressor as told (+1, -1, 0 unknown), D as taken
    state         detail: one of the BOOK_ values of the board
    halted        detail: 1 halted, 0 resumed
    news          A sentiment in [-1, 1], float64 bits
    keyframe      begins an image of the row, for who comes late or has lost something: A trades and B lots so far,
                  C and D floor of bids and of offers, detail: state
    image         detail: side. A level of that book, as `level`; worst first
    keyframe_end  A version of the row, B when its top changed last, C sentiment, D when it came (both monotonic, 0:
                  never), detail: 1 if halted
    lost          not in the ring, but in what is made of it: A events are missing here

Change anything here and raise `LAYOUT_VERSION`.
"""

from quotelife.shm.layout import LINE_WORDS, Layout

MAGIC = 0x51_4C_43_41_50_54_52_31  # "QLCAPTR1"
LAYOUT_VERSION = 1

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_EVENTS = HEADER.int64("events")
H_EVENT_WORDS = HEADER.int64("event_words")
H_ROWS = HEADER.int64("rows")  # of the board
H_WRITER_PID = HEADER.int64("writer_pid")
H_RUN = HEADER.int64("run")  # wall clock of the writer's start: identifies the run
H_WALL_OFFSET_NS = HEADER.int64("wall_offset_ns")  # wall clock less monotonic clock at the last read
# Each on a cache line of its own.
H_INTENT = HEADER.int64("intent", align=LINE_WORDS)  # sequence number after the event that is, or was last, written
H_NEXT = HEADER.int64("next", align=LINE_WORDS)  # sequence number of the next event to be written
HEADER_WORDS = HEADER.size(64)

EVENT = Layout()
RECEIVED_NS = EVENT.int64("received_ns")
WHAT = EVENT.int64("what")
WALL_NS = EVENT.int64("wall_ns")
EXCHANGE_NS = EVENT.int64("exchange_ns")
A = EVENT.int64("a")
B = EVENT.int64("b")
C = EVENT.int64("c")
D = EVENT.int64("d")
EVENT_WORDS = EVENT.size()

DETAIL_SHIFT, ROW_SHIFT = 8, 16
BYTE = 0xFF
COUNT_BITS, COUNT_MASK = 16, 0xFFFF

KIND_NAMES = (
    "start",
    "clear",
    "level",
    "book",
    "trade",
    "state",
    "halted",
    "news",
    "keyframe",
    "image",
    "keyframe_end",
    "lost",
)
START, CLEAR, LEVEL, BOOK, TRADE, STATE, HALTED, NEWS, KEYFRAME, IMAGE, KEYFRAME_END, LOST = range(len(KIND_NAMES))

NO_PRICE = -(2**62)
