"""Recognises the files of vendors by their content: Databento DBN, Tardis CSV; LOBSTER pairs by their names."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from quotelife_research.data import lobster
from quotelife_research.data.batches import QUOTES, TRADES, Batch, VendorFormat
from quotelife_research.data.files import DataError
from quotelife_research.data.orders import OrderBook
from quotelife_research.data.tables import PARQUET, UTF16, guess_columns, open_bytes, problem_of, read_frame

__all__ = ["VendorFormat", "read_vendor_files"]
_DBN, _TARDIS = b"DBN", b"exchange,symbol,timestamp,local_timestamp,"
_MOST_COLUMNS = 20  # that a message lists
_LONGEST = 40  # characters of a column's name in a message


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
            raise DataError(f"{file}: no known format; found: {_found(file, start)}; expected: {_expected()}")


def _found(file: Path, start: bytes) -> str:
    """What a file of no known format holds, as far as one can tell."""
    if not start:
        return "an empty file"
    if b"\0" in start and not start.startswith((PARQUET, *UTF16)):
        return f"binary data that begins with {start[:8].hex(' ')}"
    try:
        names = read_frame(file, headed=True).columns
    except DataError as error:
        return f"nothing that can be read: {str(error).removeprefix(f'{file}: ')}"
    shown = ", ".join(name[:_LONGEST] for name in names[:_MOST_COLUMNS])
    more = f" and {len(names) - _MOST_COLUMNS} more" if len(names) > _MOST_COLUMNS else ""
    guessed = ((kind, guess_columns(kind, names)) for kind in (QUOTES, TRADES))
    hints = [f" (perhaps --{kind} {file} --columns {columns})" for kind, columns in guessed if columns]
    return f"{'Parquet' if start.startswith(PARQUET) else 'CSV'} with the columns {shown}{more}{''.join(hints[:1])}"


def _expected() -> str:
    """The columns or marks of each vendor's files."""
    from quotelife_research.data.tardis import described_types

    first = ", ".join(_TARDIS.decode().strip(",").split(","))
    return (
        "Databento DBN, which begins with DBN; LOBSTER, a pair TICKER_DATE_START_END_message_LEVEL.csv and "
        f"..._orderbook_LEVEL.csv without headings; Tardis CSV with {first} and ({described_types()}); other files "
        "with --quotes (--columns ts=...,bid=...,ask=...) or --trades (--columns ts=...,price=...,size=...)"
    )


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
