"""Which row of the board is which venue's book of which instrument."""

from quotelife.config import Config


def rows_by_venue(config: Config) -> dict[tuple[int, str], int]:
    """The row of the book by (row of the instrument, venue): of one venue the instrument's own, of several the rows of
    its sources, which stand behind all instruments, together and in the order of preference."""
    rows = {}
    source = len(config.instrument)
    for row, instrument in enumerate(config.instrument):
        for venue in instrument.venues:
            rows[row, venue] = row if len(instrument.venues) == 1 else source
            source += len(instrument.venues) > 1
    return rows


def n_rows(config: Config) -> int:
    """Rows of the board, sources included."""
    return len(config.instrument) + sum(len(i.venues) for i in config.instrument if len(i.venues) > 1)
