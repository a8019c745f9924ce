"""Layout of the controls: a file in the run directory, written by the supervisor alone, read by whoever quotes.

    +-------------------------+ 0
    | header   HEADER_WORDS   |  magic, version, sizes, writer pid, generation, stop of everything
    +-------------------------+
    | instruments             |  in the order of [[instrument]]
    |   n x INSTRUMENT_WORDS  |
    +-------------------------+
    | clients                 |  in the order of [[client]]
    |   n x CLIENT_WORDS      |
    +-------------------------+

Every word says something of its own, so none needs a lock: a word of 8 bytes is never torn. GENERATION is raised after
each change, so that a reader sees with one look whether there is anything new.
"""

MAGIC = 0x51_4C_43_4F_4E_54_52_31  # "QLCONTR1"
LAYOUT_VERSION = 1
WORD_BYTES = 8

H_MAGIC, H_LAYOUT_VERSION, H_INSTRUMENTS, H_CLIENTS, H_WRITER_PID, H_GENERATION, H_STOPPED_NS = range(7)
HEADER_WORDS = 8

I_STOPPED_NS = 0  # wall clock since when it is not quoted, 0 if it is
I_FORCED = 1  # state of the market by index, DERIVED where it comes from the features
INSTRUMENT_WORDS = 2
DERIVED = -1

C_STOPPED_NS = 0
CLIENT_WORDS = 1


def instruments_at(row: int) -> int:
    """First word of an instrument."""
    return HEADER_WORDS + row * INSTRUMENT_WORDS


def clients_at(n_instruments: int, client: int) -> int:
    """First word of a client."""
    return instruments_at(n_instruments) + client * CLIENT_WORDS


def size(n_instruments: int, n_clients: int) -> int:
    """Bytes of the file."""
    return clients_at(n_instruments, n_clients) * WORD_BYTES
