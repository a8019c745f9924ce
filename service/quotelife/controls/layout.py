"""Layout of the controls, a file in shared memory: only the supervisor writes, quoting processes read.

    +-------------------------+ 0
    | header   HEADER_WORDS   |  magic, version, sizes, writer pid, generation, stop and model of everything
    +-------------------------+
    | instruments             |  in the order of [[instrument]]
    |   n x INSTRUMENT_WORDS  |
    +-------------------------+
    | clients                 |  in the order of [[client]]
    |   n x CLIENT_WORDS      |
    +-------------------------+

The words are independent and a word of 8 bytes is never torn, so no lock is needed. GENERATION increases after each
change, so that a reader detects changes with one comparison.
"""

from quotelife.shm.layout import Layout

MAGIC = 0x51_4C_43_4F_4E_54_52_31  # "QLCONTR1"
LAYOUT_VERSION = 2

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_INSTRUMENTS = HEADER.int64("instruments")
H_CLIENTS = HEADER.int64("clients")
H_WRITER_PID = HEADER.int64("writer_pid")
H_GENERATION = HEADER.int64("generation")
H_STOPPED_NS = HEADER.int64("stopped_ns")  # wall clock at which all quoting was stopped, 0 if it is not
H_MODEL = HEADER.int64("model")  # index of the expiry model forced for all quotes, BY_RULES if none
HEADER_WORDS = HEADER.size()

_INSTRUMENT = Layout()
I_STOPPED_NS = _INSTRUMENT.int64("stopped_ns")  # wall clock at which quoting it was stopped, 0 if it is not
I_HELD_STATE = _INSTRUMENT.int64("held_state")  # index of the market state set by the desk, DERIVED if none
I_MODEL = _INSTRUMENT.int64("model")  # as H_MODEL, for its quotes
INSTRUMENT_WORDS = _INSTRUMENT.size(1)
DERIVED = -1  # the market state follows from the features
BY_RULES = -1  # no model is forced: the request or the configured rules select it

_CLIENT = Layout()
C_STOPPED_NS = _CLIENT.int64("stopped_ns")
C_MODEL = _CLIENT.int64("model")  # as H_MODEL, for quotes to it
CLIENT_WORDS = _CLIENT.size(1)


def instruments_at(row: int) -> int:
    """First word of an instrument."""
    return HEADER_WORDS + row * INSTRUMENT_WORDS


def clients_at(n_instruments: int, client: int) -> int:
    """First word of a client."""
    return instruments_at(n_instruments) + client * CLIENT_WORDS
