"""The commands `quotelife report client` and `report desk`: read the history, write a page or print JSON."""

import re
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from quotelife.config import Config
from quotelife.config.extras import missing
from quotelife.config.paths import data_paths
from quotelife.config.shipped import DEMO, EXAMPLES
from quotelife.config.starter import FILE_NAME
from quotelife.ledger.history import HistoryError, HistoryReader
from quotelife.report import client_page, desk_page
from quotelife.report.client_report import client_report
from quotelife.report.desk_report import DeskReport, instrument_reports
from quotelife.report.desk_rows import read_requests
from quotelife.report.page import can_draw
from quotelife.report.provenance import provenance
from quotelife.runtime.clock import NS_PER_S, parse_utc_timestamp
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED

_BETWEEN = ".."
_DAYS_AGO = {"today": 0, "yesterday": 1}
ALLOWED_DAYS = (
    "allowed: a day, 2026-11-28, the first and the last, 2026-11-01..2026-11-28, or today or yesterday, of UTC"
)


def read_days(text: str) -> tuple[int, int]:
    """[since, until) in nanoseconds of the wall clock, of UTC days; ValueError with what is allowed."""
    if text in _DAYS_AGO:
        text = (datetime.now(UTC).date() - timedelta(days=_DAYS_AGO[text])).isoformat()
    first, between, last = text.partition(_BETWEEN)
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last if between else first)
    except ValueError:
        raise ValueError(f"--days is '{text}'; {ALLOWED_DAYS}") from None
    if end < start:
        raise ValueError(f"--days is '{text}', whose last day is before its first; {ALLOWED_DAYS}")
    return _midnight_ns(start), _midnight_ns(end + timedelta(days=1))


def _midnight_ns(day: date) -> int:
    return parse_utc_timestamp(f"{day.isoformat().replace('-', '')}-00:00:00")


def run_client(config: Config, client: str, days: str, output: Path | None, as_json: bool) -> int:
    """Write the report of a client; returns the exit code."""

    def make(history: HistoryReader, since_ns: int, until_ns: int) -> int:
        report, read = client_report(history, client, since_ns, until_ns)
        if not report.quotes and not report.refusals:
            known = [each.name for each in config.client]
            if client not in known:
                allowed = f"allowed: {', '.join(known)}, or one that the history knows"
                return _fail(f"no client '{client}'; {allowed}", EXIT_CONFIG)
            return _fail(f"no request of {client} on {days} (UTC); {_kept(config)}")
        origin = provenance([read])
        if as_json:
            return _print_json({"provenance": origin} | msgspec.structs.asdict(report))
        path = output or Path(f"client-{re.sub(r'[^A-Za-z0-9._-]+', '-', client)}.html")
        counted = f"{report.quotes} quotes, {sum(hits.n for hits in report.hits)} hits of {client}"
        return _write(
            path, client_page.render(report, origin), counted, ["report", "desk", "--days", days, *_named(config)]
        )

    return _report(config, days, make)


def run_desk(config: Config, days: str, output: Path | None, as_json: bool) -> int:
    """Write the report of a live period; returns the exit code."""

    def make(history: HistoryReader, since_ns: int, until_ns: int) -> int:
        requests, read = read_requests(history, since_ns, until_ns)
        if not len(requests):
            return _fail(f"no request on {days} (UTC); {_kept(config)}")
        first, last = (datetime.fromtimestamp(ns // NS_PER_S, UTC).date() for ns in (since_ns, until_ns - 1))
        report = DeskReport(provenance([read]), str(first), str(last), instrument_reports(requests))
        if as_json:
            return _print_json(report)
        path = output or Path(f"desk-{re.sub(r'[^0-9A-Za-z-]+', '_', days)}.html")
        lowest = report.instruments[0].clients[1].name
        counted = f"{len(requests)} requests, {int(requests.filled.sum())} fills"
        return _write(
            path, desk_page.render(report), counted, ["report", "client", lowest, "--days", days, *_named(config)]
        )

    return _report(config, days, make)


def _report(config: Config, days: str, make: Callable[[HistoryReader, int, int], int]) -> int:
    try:
        since_ns, until_ns = read_days(days)
    except ValueError as error:
        return _fail(str(error), EXIT_CONFIG)
    history = HistoryReader(data_paths(config).history)
    try:
        return make(history, since_ns, until_ns)
    except HistoryError as error:
        return _fail(str(error))
    finally:
        history.close()


def _named(config: Config) -> list[str]:
    """The option that names the configuration, unless it is the one that commands find by themselves."""
    file, own = Path(config.file), Path(FILE_NAME)
    if not config.file or (file.resolve() == own.resolve() if own.exists() else file == DEMO):
        return []
    names = {path: name for name, path in EXAMPLES.items()}
    return ["--config", names.get(file, str(file))]


def _kept(config: Config) -> str:
    return f"the history keeps {config.recorder.keep_days:g} days"


def _print_json(report: object) -> int:
    print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    return 0


def _write(path: Path, page: str, counted: str, next_command: list[str]) -> int:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        return _fail(f"{path}: {error.strerror}")
    print(f"{path} written: {counted}")
    if not can_draw():
        print(f"without charts: {missing('plotly')}")
    print(f"next: {shlex.join(['quotelife', *next_command])}")
    return 0


def _fail(what: str, code: int = EXIT_FAILED) -> int:
    print(f"quotelife: {what}", file=sys.stderr)
    return code
