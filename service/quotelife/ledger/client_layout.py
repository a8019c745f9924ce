"""Layout of the file `clients`: what is known of each client, written by the recorder alone, read by any other.

    +--------------------------+ 0
    | header   HEADER_WORDS    |  magic, version, sizes, digest of the clients' names, writer pid
    +--------------------------+
    | rows     n_clients       |  one row of ROW_WORDS per client, in the order of the configuration
    |          x ROW_WORDS     |
    +--------------------------+

A row, in words of 8 bytes, float64 but for the first:

    VERSION | counts | response times by octave | sums that fade | time | estimates

VERSION is odd while the writer is inside the row (see `quotelife.shm.seqlock`), and another one whenever the row has
changed. Counts never fall. The sums lose half their weight in each half-life, so that a client is judged by what it
does now. The estimates, `quotelife.ledger.client_statistics` says how, are what enters decisions. Change anything here
and raise `LAYOUT_VERSION`.
"""

MAGIC = 0x51_4C_43_4C_49_45_4E_54  # "QLCLIENT"
LAYOUT_VERSION = 1
WORD_BYTES = 8

# --- header
H_MAGIC, H_LAYOUT_VERSION, H_CLIENTS, H_ROW_WORDS, H_NAMES, H_WRITER_PID = range(6)
HEADER_WORDS = 8

HORIZONS_NS = (100_000_000, 1_000_000_000, 10_000_000_000)  # of markouts, after the receipt of the hit
HORIZON_NAMES = ("100ms", "1s", "10s")
N_HORIZONS = len(HORIZONS_NS)
ONE_SECOND = 1  # the horizon that toxicity and informed share are taken from

# --- row
VERSION = 0
REQUESTS, QUOTES, FILLED, LATE, REFUSED, PASSED = range(1, 7)  # hits that were filled, late, otherwise refused
RESPONSES = 7  # hits, filled or late, by the time since their quote
FIRST_OCTAVE_NS = 64_000  # up to here the first bucket; each further one twice as far, the last without end
N_OCTAVES = 20
# sums that fade
S_EXPOSURE = RESPONSES + N_OCTAVES  # requests, each as far as it was put to the client: see `quotelife.ledger.exposure`
S_HITS = S_EXPOSURE + 1  # filled
S_RESPONSES = S_EXPOSURE + 2  # filled or late
S_RESPONSE_MS = S_EXPOSURE + 3
S_RESPONSE_MS2 = S_EXPOSURE + 4  # squares
S_THROUGH = S_EXPOSURE + 5  # fills whose price the mid had passed after one second
S_MARKOUTS = S_EXPOSURE + 6  # fills whose markout is known, by horizon
S_MARKOUT_TICKS = S_MARKOUTS + N_HORIZONS
SUMS_END = S_MARKOUT_TICKS + N_HORIZONS
UPDATED_S = SUMS_END  # wall clock up to which the sums have faded
# estimates
FILL_RATE, RESPONSE_MS, RESPONSE_CV, TOXICITY, INFORMED_SHARE = range(UPDATED_S + 1, UPDATED_S + 6)
_END = INFORMED_SHARE + 1
ROW_WORDS = (_END + 7) // 8 * 8
