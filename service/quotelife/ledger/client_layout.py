"""Layout of the file `clients`, the statistics of each client: only the recorder writes, any process reads.

    +--------------------------+ 0
    | header   HEADER_WORDS    |  magic, version, sizes, digest of the clients' names, writer pid
    +--------------------------+
    | rows     n_clients       |  one row of ROW_WORDS per client, in the order of the configuration
    |          x ROW_WORDS     |
    +--------------------------+

A row, in words of 8 bytes, float64 except the first:

    VERSION | counts | response times by octave | decaying sums | time | estimates

VERSION is odd while the writer changes the row (see `quotelife.shm.seqlock`) and different after every change. Counts
never decrease. The sums lose half their weight in each half-life, so that recent behaviour counts most. Decisions use
the estimates (formulas: `quotelife.recorder.client_statistics`). Raise `LAYOUT_VERSION` with every change here.
"""

from quotelife.shm.layout import Layout

MAGIC = 0x51_4C_43_4C_49_45_4E_54  # "QLCLIENT"
LAYOUT_VERSION = 4

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_CLIENTS = HEADER.int64("clients")
H_ROW_WORDS = HEADER.int64("row_words")
H_NAMES = HEADER.int64("names")  # digest of the clients' names in the order of the configuration
H_WRITER_PID = HEADER.int64("writer_pid")
HEADER_WORDS = HEADER.size()

HORIZONS_NS = (100_000_000, 1_000_000_000, 10_000_000_000)  # of markouts, from the receipt of the hit
HORIZON_NAMES = ("100ms", "1s", "10s")
N_HORIZONS = len(HORIZONS_NS)
ONE_SECOND = 1  # index of the horizon that toxicity and informed share use
EARLY_HORIZON = 0  # index of that by which the market has passed the price of a hit that came early

FIRST_OCTAVE_NS = (
    64_000  # end of the first bucket of RESPONSES; each end is twice the one before, the last bucket is open
)
N_OCTAVES = 20

ROW = Layout()
VERSION = ROW.int64("version")
REQUESTS = ROW.float64("requests")
QUOTES = ROW.float64("quotes")
FILLED = ROW.float64("filled")  # hits
LATE = ROW.float64("late")
REFUSED = ROW.float64("refused")  # for a reason other than being late
PASSED = ROW.float64("passed")
RESPONSES = ROW.float64("responses", N_OCTAVES)  # hits, filled or late, by their time since the quote
# decaying sums
S_EXPOSURE = ROW.float64("exposure")  # requests weighted by exposure to the client: `quotelife.recorder.exposure`
S_HITS = ROW.float64("hits")  # filled
S_LOST = ROW.float64("lost")  # dealt elsewhere, as the client says
S_RESPONSES = ROW.float64("sum_responses")  # filled or late
S_RESPONSE_MS = ROW.float64("sum_response_ms")
S_RESPONSE_MS2 = ROW.float64("sum_response_ms2")  # squares
S_THROUGH = ROW.float64("through")  # informed fills: the mid had passed their price at the receipt, or a second later
S_WITHDRAWN_HITS = ROW.float64("withdrawn_hits")  # refused because the quote had been withdrawn, with a known markout
S_WITHDRAWN_THROUGH = ROW.float64("withdrawn_through")  # informed ones of these
S_EARLY = ROW.float64("early")  # informed hits that arrived before the board had changed
S_REACTIONS = ROW.float64("reactions")  # informed hits that arrived after it; logarithms of their times in ms
S_LOG_REACTION = ROW.float64("log_reaction")
S_LOG_REACTION2 = ROW.float64("log_reaction2")  # squares
S_WITHDRAWALS = ROW.float64("withdrawals")  # of this client's quotes; logarithms of the desk's latencies in ms
S_LOG_LATENCY = ROW.float64("log_latency")
S_LOG_LATENCY2 = ROW.float64("log_latency2")  # squares
S_MARKOUTS = ROW.float64("markouts", N_HORIZONS)  # fills with a known markout, by horizon
S_MARKOUT_TICKS = ROW.float64("markout_ticks", N_HORIZONS)
UPDATED_S = ROW.float64("updated_s")  # wall clock to which the sums have decayed
SUMS_END = UPDATED_S
# estimates
FILL_RATE = ROW.float64("fill_rate")
RESPONSE_MS = ROW.float64("response_ms")
RESPONSE_CV = ROW.float64("response_cv")
TOXICITY = ROW.float64("toxicity")
INFORMED_SHARE = ROW.float64("informed_share")
RACE_LOST = ROW.float64("race_lost")
WIN_SHARE = ROW.float64("win_share")
ROW_WORDS = ROW.size()
