"""Recognises the files of vendors by their content: Databento DBN, Tardis CSV; LOBSTER pairs by their names."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from quotelife_research.data import lobster
from quotelife_research.data.batches import Batch, VendorFormat
from quotelife_research.data.files import DataError
from quotelife_research.data.orders import OrderBook
from quotelife_research.data.tables import open_bytes, problem_of, read_frame

__all__ = ["VendorFormat", "read_vendor_files"]
_DBN, _TARDIS = b"DBN", b"exchange,symbol,timestamp,local_timestamp,"
_ALLOWED = "allowed: Databento DBN, a LOBSTER pair, Tardis CSV; other files with --quotes or --trades and --columns"


def read_vendor_files(files: Sequence[Path], chosen: VendorFormat, tick: float, lot: float) -> Iterator[Batch]:
    """The rows of one instrument in these files; of a LOBSTER pair, one file or both may be given.

    DataError for a file of no known format or that cannot be read. ModuleNotFoundError without the package for DBN.
    """
    pairs: set[Path] = set()
    book = OrderBook()
    for file in files:
        if lobster.NAME.fullmatch(file.name):
            pair = lobster.pair_of(file)
            if pair not in pairs:
                pairs.add(pair)
                yield from lobster.read_pair(pair)
            continue
        start = _start(file)
        if start.startswith(_DBN):
            from quotelife_research.data.databento import read_dbn  # an optional package

            yield from read_dbn(file, _content(file), chosen, tick, lot, book)
        elif start.startswith(_TARDIS):
            from quotelife_research.data.tardis import read_tardis  # compiles a kernel

            yield from read_tardis(file, read_frame(file, headed=True), chosen)
        else:
            raise DataError(f"{file}: {'empty' if not start else 'no known format'}; {_ALLOWED}")


def _start(file: Path) -> bytes:
    try:
        with open_bytes(file) as content:
            return content.read(4096)
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: {problem_of(error)}") from None


def _content(file: Path) -> bytes:
    try:
        with open_bytes(file) as content:
            return content.read()
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: {problem_of(error)}") from None
