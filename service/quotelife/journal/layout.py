"""Layout of the journal: a ring of decision records in a file, written by the quoting process alone, read by any other.

    +-------------------------+ 0
    | header   HEADER_WORDS   |  magic, versions, sizes, next sequence number
    +-------------------------+
    | slots    n_slots        |  record of sequence number s in slot s mod n_slots
    |          x RECORD_WORDS |
    +-------------------------+

A record, in words of 8 bytes:

    SEQUENCE | what, when, who | prices and size | quote id, request id | features | bid: context, decision | offer: ...

The writer fills a record in private memory (features, contexts and decisions are computed straight into it) and
`append` copies it in. SEQUENCE is NO_RECORD while the slot is being written, and is published last. The file lies on
disk, not in shared memory: what was promised survives the death of every process. Change anything here, or the schema,
or the decision's words: raise `LAYOUT_VERSION`.

Which words a record holds depends on its KIND. All have WALL_NS, MONO_NS, CLIENT, SESSION and, but for some rejects,
INSTRUMENT; all but rejects QUOTE_ID.

    quote, reject       REQUEST_ID is the QuoteReqID; with a MODEL: features, contexts and decisions
    fill, hit_refused   MONO_NS is the receipt of the hit, REQUEST_ID its ClOrdID or QuoteRespID, SIDE the client's,
                        the price in OFFER_PX (it buys) or BID_PX, LIFETIME_NS the time from the quote to the hit,
                        VALID_UNTIL_NS that of the quote, OUTCOME an index into `quotelife.metrics.catalog.HIT_OUTCOMES`
    cancel              OUTCOME is an index into `quotelife.metrics.catalog.CANCEL_REASONS`
    pass                the client has said no
    leg                 of the package whose quote follows, in the order of the request: INSTRUMENT, SIDE the leg's,
                        QUANTITY its ratio, BID_PX and OFFER_PX in its ticks, LEG_WEIGHT, LEG_UNIT_LOTS, its features
                        and its BOARD_VERSION; REQUEST_ID is the package's Symbol. The quote has no INSTRUMENT (-1), its
                        prices and size are in the package's ticks and lots, its features are the package's

An expiry writes nothing: a quote whose VALID_UNTIL_NS has passed without one of these has expired.
"""

from quotelife_models.decide import OUT_RECORD
from quotelife_models.schema import N_CONTEXT, N_FEATURES

MAGIC = 0x51_4C_4A_4F_55_52_4E_31  # "QLJOURN1"
LAYOUT_VERSION = 4
WORD_BYTES = 8

# --- header
H_MAGIC, H_LAYOUT_VERSION, H_SCHEMA_VERSION, H_SLOTS, H_RECORD_WORDS, H_WRITER_PID, H_NEXT = range(7)
HEADER_WORDS = 64

# --- record
SEQUENCE = 0
KIND = 1  # one of the KIND_ values
OUTCOME = 2  # index into the kind's list of reasons; of a quote ONE_OFF or SUBSCRIBED
WALL_NS = 3  # when the message was received, wall clock
MONO_NS = 4  # the same, monotonic clock
INSTRUMENT = 5  # row of the board, -1 if unknown
CLIENT = 6  # index of [[client]], -1 if unknown
SIDE = 7  # FIX Side of the request: 1 client buys, 2 client sells, 0 two-way
MODEL = 8  # index of the expiry model, -1 without a decision
MARKET_STATE = 9
LIFETIME_NS = 10
VALID_UNTIL_NS = 11  # wall clock
BID_PX, OFFER_PX = 12, 13  # ticks; 0 if that side was not quoted
QUANTITY = 14  # lots
DECIDED_NS = 15  # time the decision took
PARAMETERS = 16  # first 8 bytes of the hash of the parameters in force
SESSION = 17  # number of the session, counted from 1 through the clients of the configuration; 0 if not known
QUOTE_ID, QUOTE_ID_WORDS = 18, 6  # text, filled with zero bytes
REQUEST_ID, REQUEST_ID_WORDS = QUOTE_ID + QUOTE_ID_WORDS, 8
FEATURES = REQUEST_ID + REQUEST_ID_WORDS  # float64[N_FEATURES]
BID_CONTEXT = FEATURES + N_FEATURES  # float64[N_CONTEXT]
BID_DECISION = BID_CONTEXT + N_CONTEXT  # float64[OUT_RECORD]
OFFER_CONTEXT = BID_DECISION + OUT_RECORD
OFFER_DECISION = OFFER_CONTEXT + N_CONTEXT
DIGEST = OFFER_DECISION + OUT_RECORD  # of a quote: 64 bits of the content of its request, to know a repeated one
# of the board rows when the features were read, see SNAP_VERSION in `quotelife.market.board.layout`; 0 where nothing
# was read
BOARD_VERSION, CORRELATED_VERSION, INDEX_VERSION = DIGEST + 1, DIGEST + 2, DIGEST + 3
_END = INDEX_VERSION + 1
RECORD_WORDS = (_END + 7) // 8 * 8

# words of a leg, of which a quote has another use
LEG_WEIGHT = BID_CONTEXT  # ticks of the package by which one of the leg's moves the net; negative where it is given
LEG_UNIT_LOTS = BID_CONTEXT + 1  # lots of the leg in one lot of the package

NO_RECORD = -1

# values of KIND
KIND_QUOTE, KIND_REJECT, KIND_FILL, KIND_HIT_REFUSED, KIND_CANCEL, KIND_PASS, KIND_LEG = range(7)
KIND_NAMES = ("quote", "reject", "fill", "hit_refused", "cancel", "pass", "leg")

# values of OUTCOME of a quote
ONE_OFF, SUBSCRIBED = range(2)
