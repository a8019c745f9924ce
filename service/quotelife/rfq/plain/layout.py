"""Words of the kernel that answers plain requests: what it is told, and what it leaves for Python.

    inputs       int64[INPUT_WORDS]                  of the process: addresses and sizes of what all sessions share
    session      int64[SESSION_WORDS]                one array for each session, its results among its words
    instruments  int64[n, INSTRUMENT_WORDS]          by the instrument's row of the board
    pairs        int64[PAIR_WORDS]                   one array for each client and instrument that has asked
    fields       int64[FIELD_WORDS]                  where the fields of the message are

`quotelife.rfq.plain.tables` fills them, `quotelife.rfq.plain.kernel` reads them.
"""

from quotelife.fix.framer import FRAME_WORDS
from quotelife.journal.layout import QUOTE_ID_WORDS
from quotelife.rfq.plain.quote_text import QUOTE_WORDS
from quotelife.shm.layout import WORD_BYTES

NAME_WORDS = 8  # of a Symbol or CompID; a request with a longer one is not plain
NAME_BYTES = NAME_WORDS * WORD_BYTES

# The first seven are those of `quotelife.decision.kernel`, in its order: the kernel copies them.
(
    IN_HEADER,
    IN_VENUES,
    IN_ROWS,
    IN_N_ROWS,
    IN_TABLE,
    IN_N_TABLE,
    IN_POLICIES,
    IN_CONTROLS,
    IN_N_CONTROLS,
    IN_CONTROLS_CLIENTS,  # word of the controls from which the clients' are
    IN_HANDLER,  # HANDLER_WORDS
    IN_IDS,  # of `quotelife.rfq.message_ids`
    IN_SEEN,  # of `quotelife.rfq.seen_request_ids`
    IN_LOTS,  # the desk's positions by row
    IN_INSTRUMENTS,
    IN_N_INSTRUMENTS,
    IN_SYMBOLS,  # open addressing: one more than the row of an instrument, 0 for none
    IN_N_SYMBOLS,
    IN_SESSIONS,  # open addressing: the address of a session's words, 0 for none
    IN_N_SESSIONS,
    IN_JOURNAL,  # header
    IN_SLOTS,  # 0 without a journal
    IN_N_SLOTS,
    IN_HASHES,  # of the parameters and the configuration, for the record
    IN_SCRATCH,  # int64[SCRATCH_WORDS], workspace
    OUT_SESSION,  # number of the session whose message was answered or needs something
    OUT_ROW,  # with NEEDS_PAIR or NEEDS_PHASE: of the instrument
) = range(27)
INPUT_WORDS = 27

# What the handler's own state is.
HANDLER_STOPPING, HANDLER_CONTROLS = range(2)  # 1 where no quotes are issued; generation of the controls applied
HANDLER_WORDS = 2

(
    SESSION_NUMBER,
    SESSION_CLIENT,
    SESSION_IS_LIMITED,  # whether a limit over several instruments applies to the client
    SESSION_DECISION,  # inputs of the decision, see `quotelife.decision.buffers`
    SESSION_RECORD,
    SESSION_ALLOWANCE,  # of the client
    SESSION_PAIRS,  # int64[rows] of the client: addresses of pairs, 0 for one that has not asked
    SESSION_KEY,  # two words: that of the hashes of its QuoteReqIDs
    SESSION_KEY_2,
    SESSION_OUT,  # uint8[OUT_BYTES] for the Quote
    SESSION_HEADS,  # heads and words of its `QuoteForm`
    SESSION_N_HEADS,
    SESSION_FORM,
    SESSION_SEQUENCE,  # its sequence numbers, int64[SEQUENCE_WORDS] of `quotelife.fix.session`; 0: the engine counts
    # What the header of its messages must have: length and bytes of BeginString, SenderCompID and TargetCompID.
    SESSION_BEGIN_LENGTH,
    SESSION_SENDER_LENGTH,
    SESSION_TARGET_LENGTH,
) = range(17)
SESSION_BEGIN, SESSION_SENDER, SESSION_TARGET = (17 + n * NAME_WORDS for n in range(3))
(
    RESULT_LENGTH,  # of the Quote
    RESULT_CONSUMED,  # bytes of the message that was answered, with a sequence of its own
    RESULT_PARSED_NS,  # monotonic
    RESULT_DECIDED_NS,
    RESULT_IS_PENDING,  # 1 from an answer until Python has completed it
    RESULT_QUANTITY_LENGTH,  # OrderQty (38) as it was requested
    RESULT_QUANTITY,
) = range(17 + 3 * NAME_WORDS, 17 + 3 * NAME_WORDS + 7)
QUANTITY_WORDS = 4
SESSION_WORDS = RESULT_QUANTITY + QUANTITY_WORDS
OUT_BYTES = 1024

(
    INSTRUMENT_PARAMETERS,
    INSTRUMENT_MAX_POSITION_LOTS,
    INSTRUMENT_TICK_UNIT,  # of the grid of prices
    INSTRUMENT_TICK_DECIMALS,
    INSTRUMENT_LOT_UNIT,
    INSTRUMENT_LOT_DECIMALS,
    INSTRUMENT_PHASE,  # from FROM_NS until UNTIL_NS, wall clock
    INSTRUMENT_PHASE_LIMIT_NS,
    INSTRUMENT_FROM_NS,
    INSTRUMENT_UNTIL_NS,
    INSTRUMENT_NAME_LENGTH,
) = range(11)
INSTRUMENT_NAME = 11
INSTRUMENT_WORDS = INSTRUMENT_NAME + NAME_WORDS

PAIR_TERMS = 0  # four words: those of `ClientTerms.addresses`
TERMS_WORDS = 4
PAIR_MAX_LOTS = TERMS_WORDS
PAIR_WORDS = TERMS_WORDS + 1

# Start and end of each field's value, in the order of this list; 0, 0 where the message does not have it.
TAGS = (8, 9, 35, 49, 56, 34, 52, 131, 146, 55, 54, 38, 60, 10)
(
    FIELD_BEGIN_STRING,
    FIELD_BODY_LENGTH,
    FIELD_MSG_TYPE,
    FIELD_SENDER,
    FIELD_TARGET,
    FIELD_SEQ_NUM,
    FIELD_SENDING_TIME,
    FIELD_REQUEST_ID,
    FIELD_RELATED,
    FIELD_SYMBOL,
    FIELD_SIDE,
    FIELD_QUANTITY,
    FIELD_TRANSACT_TIME,
    FIELD_CHECK_SUM,
) = range(0, 2 * len(TAGS), 2)
FIELD_BODY = 2 * len(TAGS)  # where the body starts
FIELD_BODY_END = FIELD_BODY + 1  # and ends, behind its last SOH
FIELD_WORDS = FIELD_BODY + 2

# Workspace of one call.
SCRATCH_FIELDS = 0
SCRATCH_QUOTE = SCRATCH_FIELDS + FIELD_WORDS
SCRATCH_QUOTE_ID = SCRATCH_QUOTE + QUOTE_WORDS  # its bytes
SCRATCH_FRAME = SCRATCH_QUOTE_ID + QUOTE_ID_WORDS
SCRATCH_TIME = SCRATCH_FRAME + FRAME_WORDS
SCRATCH_WORDS = SCRATCH_TIME + 2

# Instead of the length of the Quote: not plain, or it would be refused; something has to be filled in first.
DECLINED, NEEDS_PAIR, NEEDS_PHASE, NEEDS_ROOM = 0, -1, -2, -3
