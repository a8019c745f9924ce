"""Layout of the capture ring, a file in shared memory: only the marketdata process writes, any process reads.

    +-------------------------+ 0
    | header   HEADER_WORDS   |  magic, versions, sizes, run, position of the writer
    +-------------------------+
    | events   n_events       |  event s is at index s mod n_events, a power of two
    |          x EVENT_WORDS  |
    +-------------------------+

An event, a cache line of words of 8 bytes:

    RECEIVED_NS | KIND_WORD | WALL_NS | EXCHANGE_NS | A | B | C | D

    KIND_WORD    kind | detail << 8 | source << 16 | board row << 24

Of an instrument of several venues, `source` is 1 + the position of the venue that made the event: whose message it was,
whose part was removed, or to whose book it has changed over. It is 0 elsewhere.
The venues' own books have the rows behind those of the instruments (see `quotelife.market.sources`).
The writer increments INTENT before it writes an event and NEXT after it (see `quotelife.shm.seqlock`). An event that a
reader has copied is intact if INTENT is not more than n_events ahead of it afterwards. RECEIVED_NS is the time passed
to the feature kernels, so that `quotelife.market.features.update` reproduces the features from the events bit for bit.
WALL_NS is the wall clock of the same read, EXCHANGE_NS the venue's time, 0 if unknown.

By kind, prices in ticks, sizes in lots:

    start         the row is new and empty
    clear         both sides of the book were emptied, before a snapshot or because the book is invalid
    level         detail: side. A price, B new size, 0 if the level was removed, C number of orders
    book          the book was published after one message. A best bid, B best offer, NO_PRICE if none;
                  C order additions and removals, see `quotelife.market.capture.writer.pack_counts`
    trade         A price, B size, C aggressor as received (+1, -1, 0 unknown), D as inferred
    state         detail: one of the BOOK_ values of the board
    halted        detail: 1 halted, 0 resumed
    news          A sentiment in [-1, 1], float64 bits
    keyframe      start of an image of the row, for readers that start late or have lost events. A trades and B lots
                  so far, C and D floors of bids and offers, detail: state
    image         detail: side. A level of the book, as in `level`; worst first
    memory        detail: n. A to D are the words 4n to 4n + 3 of the row's memory, see
                  `quotelife.market.board.layout`; 0 beyond its end
    keyframe_end  A version of the row, B time of the last change of its top, C sentiment, D time of its receipt (both
                  monotonic, 0: never), detail: 1 if halted
    lost          only in files made from the ring: A events are missing here

Raise `LAYOUT_VERSION` with every change here.
"""

from quotelife.shm.layout import LINE_WORDS, Layout

MAGIC = 0x51_4C_43_41_50_54_52_31  # "QLCAPTR1"
LAYOUT_VERSION = 3

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_EVENTS = HEADER.int64("events")
H_EVENT_WORDS = HEADER.int64("event_words")
H_ROWS = HEADER.int64("rows")  # of the board
H_WRITER_PID = HEADER.int64("writer_pid")
H_RUN = HEADER.int64("run")  # wall clock at the start of the writer: identifies the run
H_WALL_OFFSET_NS = HEADER.int64("wall_offset_ns")  # wall clock minus monotonic clock at the last read
# Each of these has its own cache line.
H_INTENT = HEADER.int64("intent", align=LINE_WORDS)  # sequence number after the event being written or written last
H_NEXT = HEADER.int64("next", align=LINE_WORDS)  # sequence number of the next event
HEADER_WORDS = HEADER.size(64)

EVENT = Layout()
RECEIVED_NS = EVENT.int64("received_ns")
KIND_WORD = EVENT.int64("kind_word")
WALL_NS = EVENT.int64("wall_ns")
EXCHANGE_NS = EVENT.int64("exchange_ns")
A = EVENT.int64("a")
B = EVENT.int64("b")
C = EVENT.int64("c")
D = EVENT.int64("d")
EVENT_WORDS = EVENT.size()

DETAIL_SHIFT, SOURCE_SHIFT, ROW_SHIFT = 8, 16, 24
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
    "memory",
    "keyframe_end",
    "lost",
)
(
    START,
    CLEAR,
    LEVEL,
    BOOK,
    TRADE,
    STATE,
    HALTED,
    NEWS,
    KEYFRAME,
    IMAGE,
    MEMORY,
    KEYFRAME_END,
    LOST,
) = range(len(KIND_NAMES))
MEMORY_EVENT_WORDS = 4

NO_PRICE = -(2**62)
