"""Command `quotelife import`: parses options, prints the result for each file and the next command to run."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quotelife_research.calibration.command import EXIT_OK, NO_SAMPLE, check_out, run_command
from quotelife_research.data import l3
from quotelife_research.data.files import DataError, symbols_in
from quotelife_research.data.importer import (
    MOST_UNUSABLE,
    ImportOptions,
    ImportResult,
    check_correlated,
    import_files,
    import_sample,
)
from quotelife_research.data.rows import days_of
from quotelife_research.data.sources import SAMPLE_SYMBOL
from quotelife_research.data.tables import parse_columns
from quotelife_research.data.times import TimeFormat

EXIT_UNUSABLE = 1
_CLOCKS = ("received", "exchange")


@dataclass(frozen=True)
class FileOptions:
    """Options about the files, as they were typed."""

    columns: Sequence[str] = ()
    time_unit: str | None = None
    time_zone: str | None = None
    lot: float | None = None
    file_symbol: str = ""
    clock: str = _CLOCKS[0]

    def parse(self) -> ImportOptions:
        """DataError for a wrong one."""
        if self.clock not in _CLOCKS:
            raise DataError(f"--clock {self.clock}: allowed: {', '.join(_CLOCKS)}")
        columns = parse_columns(self.columns) if self.columns else {}
        times = TimeFormat(self.time_unit, self.time_zone)
        return ImportOptions(columns, times, self.lot, self.file_symbol, self.clock == "exchange")


def run_import(
    symbol: str,
    tick: float,
    quotes: list[Path],
    trades: list[Path],
    out: Path,
    correlated: str | None,
    sample: bool,
    files: Sequence[Path] = (),
    given: FileOptions = FileOptions(),
) -> int:
    """Import and print the result for each file. Returns the exit code: 0; 1 if more than 1 % of a file's rows were
    unusable, the others being written; 2 after one line about wrong input."""

    def checked() -> int:
        check_out(out)
        if sample:
            folder = l3.find_sample()
            if folder is None:
                raise DataError(NO_SAMPLE.format(option="l3"))
            return _report(import_sample(folder, out), SAMPLE_SYMBOL, out)
        if not symbol or not (quotes or trades or files):
            raise DataError(
                "missing options; required: --symbol, --tick and at least one of --from, --quotes and --trades, or --l3"
            )
        options = given.parse()
        if correlated is not None:
            check_correlated(out, symbol, correlated)
        return _report(import_files(symbol, tick, quotes, trades, out, correlated, files, options), symbol, out)

    return run_command("import", checked)


def _report(done: list[ImportResult], symbol: str, out: Path) -> int:
    for line in done:
        print(line)
    bad = [result for result in done if result.unusable > MOST_UNUSABLE]
    for result in bad:
        print(
            f"{result.file}: {result.unusable:.1%} of the rows are unusable, more than {MOST_UNUSABLE:.0%}: exit code 1"
        )
    print(f"next: {next_command(out, symbol)}")
    return EXIT_UNUSABLE if bad else EXIT_OK


def next_command(out: Path, symbol: str) -> str:
    """The command to run after an import: a fit on all days but the last, or with one day a test of the shipped one."""
    source = symbols_in(out).get(symbol)
    data = shlex.quote(str(out))
    if source is None:
        named = f"--symbol {shlex.quote(symbol)} --out {data}"
        return f"quotelife import {named} --tick ... --quotes ...  # {symbol} has trades only: enough for --correlated"
    days = days_of(source)
    if len(days) == 1:
        return f"quotelife evaluate --data {data} --days {days[0]}"
    return f"quotelife calibrate --data {data} --train {days[0]}..{days[-2]} --test {days[-1]} --out fitted"
