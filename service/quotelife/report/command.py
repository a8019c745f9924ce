"""The command `quotelife report client`: reads the history, writes the page, prints the figures as JSON."""

import re
import sys
from datetime import date, timedelta
from pathlib import Path

import msgspec

from quotelife.config import Config
from quotelife.config.paths import data_paths
from quotelife.ledger.history import HistoryError, HistoryReader
from quotelife.report.client_page import render
from quotelife.report.client_report import client_report
from quotelife.runtime.clock import parse_utc_timestamp
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED

_BETWEEN = ".."
ALLOWED_DAYS = "allowed: a day, 2026-11-28, or the first and the last, 2026-11-01..2026-11-28"


def read_days(text: str) -> tuple[int, int]:
    """[since, until) in nanoseconds of the wall clock, of UTC days; ValueError with what is allowed."""
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


def run(config: Config, client: str, days: str, output: Path | None, as_json: bool) -> int:
    """Write the report of a client; returns the exit code."""
    try:
        since_ns, until_ns = read_days(days)
    except ValueError as error:
        return _fail(str(error), EXIT_CONFIG)
    try:
        report = client_report(HistoryReader(data_paths(config).history), client, since_ns, until_ns)
    except HistoryError as error:
        return _fail(str(error))
    if not report.quotes and not report.refusals:
        known = [each.name for each in config.client]
        if client not in known:
            allowed = f"allowed: {', '.join(known)}, or one that the history knows"
            return _fail(f"no client '{client}'; {allowed}", EXIT_CONFIG)
        kept = f"the history keeps {config.recorder.keep_days:g} days"
        return _fail(f"no request of {client} on {days} (UTC); {kept}")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        return 0
    path = output or Path(f"client-{re.sub(r'[^A-Za-z0-9._-]+', '-', client)}.html")
    try:
        path.write_text(render(report), encoding="utf-8")
    except OSError as error:
        return _fail(f"{path}: {error.strerror}")
    print(f"{path} written: {report.quotes} quotes, {sum(hits.n for hits in report.hits)} hits of {client}")
    return 0


def _fail(what: str, code: int = EXIT_FAILED) -> int:
    print(f"quotelife: {what}", file=sys.stderr)
    return code
