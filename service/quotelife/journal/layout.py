"""Layout of the journal: a ring of decision records in a file, written by the quoting process, read by any other.

    +-------------------------+ 0
    | header   HEADER_WORDS   |  magic, versions, sizes, next sequence number
    +-------------------------+
    | slots    n_slots        |  record of sequence number s in slot s mod n_slots
    |          x RECORD_WORDS |
    +-------------------------+

A record, in words of 8 bytes:

    SEQUENCE | what, when, who | prices and size | quote id, request id | features | bid: context, decision | offer: ...

The writer fills a record in private memory (the kernels write features, contexts and decisions straight into it), and
`append` copies it into its slot. SEQUENCE is NO_RECORD while a slot is being written, and is published last. The file
is on disk, not in shared memory, so its records survive the death of every process. `quotelife.journal.record` decodes
a record. Raise `LAYOUT_VERSION` with every change here, of the schema or of the decision's words.

The KIND of a record determines its words. All have WALL_NS, MONO_NS, CLIENT, SESSION and, except some rejects,
INSTRUMENT; all except rejects have QUOTE_ID.

    quote, reject       REQUEST_ID is the QuoteReqID; with a MODEL: features, contexts and decisions
    fill, hit_refused   MONO_NS is the receipt of the hit, REQUEST_ID its ClOrdID or QuoteRespID, SIDE that of the
                        client, the price in OFFER_PX (client buys) or BID_PX, LIFETIME_NS the time from quote to hit,
                        VALID_UNTIL_NS that of the quote, OUTCOME an index into `quotelife.metrics.labels.HIT_OUTCOMES`
    cancel              OUTCOME is an index into `quotelife.metrics.labels.CANCEL_REASONS`
    pass                the client has ended the quote without a hit: OUTCOME is an index into
                        `quotelife.metrics.labels.PASS_KINDS`, REQUEST_ID its QuoteRespID; SIDE and PASS_PRICE are what
                        it says about its deal elsewhere
    leg                 a leg of the multileg whose quote follows, in the order of the request: its INSTRUMENT and SIDE,
                        its ratio in QUANTITY, BID_PX and OFFER_PX in its ticks, LEG_WEIGHT, LEG_UNIT_LOTS, its features
                        and BOARD_VERSION; REQUEST_ID is the Symbol of the multileg. The quote has no INSTRUMENT (-1);
                        its prices, size and features are those of the multileg, in its ticks and lots
    terms               what the request of the quote that follows stated: TERMS is the JSON document of a
                        `quotelife.rfq.terms.quote_terms.QuoteTerms`; REQUEST_ID is the QuoteReqID
    indicative          a quote that cannot be hit; as a quote, but VALID_UNTIL_NS is 0
    client_reject       the client did not accept a message: OUTCOME is an index into
                        `quotelife.metrics.labels.CLIENT_REJECTS`, REQUEST_ID the ExecID of an ExecutionReport,
                        REJECT_TEXT the client's reason; QUOTE_ID is empty where the message is not known
    configuration       the version of the configuration whose hash is CONFIGURATION is in force from here; its number
                        in QUANTITY. No CLIENT (-1) and no INSTRUMENT

INSTRUMENT, CLIENT and SESSION are numbers of the version with the hash CONFIGURATION (`quotelife.config.versions`).

Expiry has no record: a quote whose VALID_UNTIL_NS has passed without a fill, cancel or pass has expired.
"""

from quotelife.shm.layout import Layout
from quotelife_models.decide import OUT_RECORD
from quotelife_models.schema import N_CONTEXT, N_FEATURES

MAGIC = 0x51_4C_4A_4F_55_52_4E_31  # "QLJOURN1"
LAYOUT_VERSION = 7

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_SCHEMA_VERSION = HEADER.int64("schema_version")
H_SLOTS = HEADER.int64("slots")
H_RECORD_WORDS = HEADER.int64("record_words")
H_WRITER_PID = HEADER.int64("writer_pid")
H_NEXT = HEADER.int64("next")
HEADER_WORDS = HEADER.size(64)

RECORD = Layout()
SEQUENCE = RECORD.int64("sequence")
KIND = RECORD.int64("kind")  # one of the KIND_ values
OUTCOME = RECORD.int64("outcome")  # index into the kind's list of reasons; of a quote its flags
WALL_NS = RECORD.int64("wall_ns")  # when the message was received, wall clock
MONO_NS = RECORD.int64("mono_ns")  # the same, monotonic clock
INSTRUMENT = RECORD.int64("instrument")  # row of the board, -1 if unknown
CLIENT = RECORD.int64("client")  # index of [[client]], -1 if unknown
SIDE = RECORD.int64("side")  # FIX Side of the request: 1 client buys, 2 client sells, 0 two-way
MODEL = RECORD.int64("model")  # index of the expiry model, -1 without a decision
MARKET_STATE = RECORD.int64("market_state")
LIFETIME_NS = RECORD.int64("lifetime_ns")
VALID_UNTIL_NS = RECORD.int64("valid_until_ns")  # wall clock
BID_PX = RECORD.int64("bid_px")  # ticks; 0 if that side was not quoted
OFFER_PX = RECORD.int64("offer_px")
QUANTITY = RECORD.int64("quantity")  # lots
DECIDED_NS = RECORD.int64("decided_ns")  # duration of the decision
PARAMETERS = RECORD.int64("parameters")  # first 8 bytes of the hash of the parameters in force
CONFIGURATION = RECORD.int64("configuration")  # likewise of the configuration
SESSION = RECORD.int64("session")  # counted from 1 through the clients of the configuration; 0 if unknown
QUOTE_ID_WORDS, REQUEST_ID_WORDS = 6, 8
QUOTE_ID = RECORD.text("quote_id", QUOTE_ID_WORDS)
REQUEST_ID = RECORD.text("request_id", REQUEST_ID_WORDS)
FEATURES = RECORD.float64("features", N_FEATURES)
BID_CONTEXT = RECORD.float64("bid_context", N_CONTEXT)
BID_DECISION = RECORD.float64("bid_decision", OUT_RECORD)
OFFER_CONTEXT = RECORD.float64("offer_context", N_CONTEXT)
OFFER_DECISION = RECORD.float64("offer_decision", OUT_RECORD)
DIGEST = RECORD.int64("digest")  # of a quote: 64 bits of the content of its request, to recognise a repeated one
# Versions of the board rows when the features were read, see SNAP_VERSION in `quotelife.market.board.layout`; 0 where
# nothing was read.
BOARD_VERSION = RECORD.int64("board_version")
CORRELATED_VERSION = RECORD.int64("correlated_version")
INDEX_VERSION = RECORD.int64("index_version")
# Monotonic time at which the market passed the price of a fill, or left a quote that is cancelled for it; of a hit on
# such a quote, that of its cancel. 0 if it did not, -1 if that is not known. The desk's latency ends at the cancel's
# MONO_NS, the client's reaction at that of its hit.
BOARD_CHANGE_NS = RECORD.int64("board_change_ns")
RECORD_WORDS = RECORD.size()

MIN_QUANTITY = BOARD_CHANGE_NS  # of a quote: the smallest hit that its request allows, in lots; 0 for any

# words of a leg; in a quote they hold the context of the bid
LEG_WEIGHT = BID_CONTEXT  # ticks of the multileg per tick of the leg; negative if the leg is sold
LEG_UNIT_LOTS = BID_CONTEXT + 1  # lots of the leg in one lot of the multileg

# word of a pass, float64
PASS_PRICE = BID_CONTEXT  # price of the deal elsewhere, or of the next best quote, in ticks; NaN where it is not known
TERMS, TERMS_WORDS = FEATURES, DIGEST - FEATURES  # a text, in the words of a quote's features and decisions

# words of a client_reject
REJECT_TEXT, REJECT_TEXT_WORDS = FEATURES, N_FEATURES

NO_RECORD = -1

# values of KIND
KIND_QUOTE, KIND_REJECT, KIND_FILL, KIND_HIT_REFUSED, KIND_CANCEL, KIND_PASS, KIND_LEG = range(7)
KIND_TERMS, KIND_INDICATIVE, KIND_CONFIGURATION, KIND_CLIENT_REJECT = 7, 8, 9, 10
KIND_NAMES = (
    *("quote", "reject", "fill", "hit_refused", "cancel", "pass", "leg"),
    *("terms", "indicative", "configuration", "client_reject"),
)

# flags in OUTCOME of a quote
SUBSCRIBED = 1
MODEL_FORCED = 2  # by the desk
STATE_HELD = 4  # the market state was held by the desk
