"""How one client was treated: its quotes, lifetimes, hits, withdrawals, decision times and markouts, from the history.

Everything is counted from the rows that the recorder has stored; nothing is estimated. A direction is the client's: the
market moved *for the client* if the quote became better than the market for it (the mid rose after a quote at which the
client buys), *for the desk* if it became worse. A quote for both sides has no direction of its own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct, field

from quotelife.ledger.client_layout import HORIZON_NAMES
from quotelife.ledger.history import HistoryReader, HitRow, QuoteRow
from quotelife.ledger.quote_state import FILLED, PASSED, REFUSED, WITHDRAWN
from quotelife.metrics.labels import WITHDRAWALS
from quotelife.report.provenance import DataFile, RowHash
from quotelife.runtime.clock import NS_PER_MS, NS_PER_US, utc_timestamp
from quotelife_models.enums import BUY, TWO_WAY

SHARES = (0.05, 0.5, 0.95)
DIRECTIONS = ("for_client", "for_desk", "unchanged", "unknown")


class Spread(Struct, frozen=True):
    """Number, mean and percentiles of some values; the mean and the percentiles are None without values."""

    n: int
    mean: float | None
    p5: float | None
    p50: float | None
    p95: float | None


class Hits(Struct, frozen=True):
    """Hits with one outcome: number, and the time from the quote to the hit in ms."""

    outcome: str
    n: int
    response_ms: Spread


class Markouts(Struct, frozen=True):
    """Of the hits with one outcome, by what the mid did after the receipt: ticks, positive against the desk."""

    outcome: str
    horizon: str
    against_desk: int
    for_desk: int
    unchanged: int
    ticks: Spread


class ClientReport(Struct):
    """Everything that the page shows. Times are UTC texts."""

    client: str
    since: str
    until: str
    first_request: str | None = None
    last_request: str | None = None
    quotes: int = 0
    refusals: dict[str, int] = field(default_factory=dict)  # by reason
    states: dict[str, int] = field(default_factory=dict)  # of the quotes
    ends_by_client: dict[str, int] = field(default_factory=dict)  # passed quotes, by what the client said
    lifetimes_ms: dict[str, Spread] = field(default_factory=dict)  # by expiry model
    lifetime_reasons: dict[str, int] = field(default_factory=dict)
    decision_us: Spread = field(default_factory=lambda: spread(()))
    hits: list[Hits] = field(default_factory=list)
    late_by_ms: Spread = field(default_factory=lambda: spread(()))  # after the ValidUntilTime
    withdrawals: dict[str, int] = field(default_factory=dict)  # by reason
    withdrawn_after: dict[str, int] = field(default_factory=dict)  # by direction of the price
    withdrawn_two_way: int = 0
    withdrawn_hits_after: dict[str, int] = field(default_factory=dict)  # hits refused as withdrawn, by direction
    edge_ticks: Spread = field(default_factory=lambda: spread(()))  # of fills, over the mid at the receipt
    markouts: list[Markouts] = field(default_factory=list)
    unreadable: int = 0  # quotes whose journal records another version has written: no decision time


def client_report(history: HistoryReader, client: str, since_ns: int, until_ns: int) -> tuple[ClientReport, DataFile]:
    """The report of a client on the requests and hits received in [since, until) of the wall clock, and what was read;
    HistoryError if the history cannot be read."""
    report = ClientReport(client, utc_timestamp(since_ns), utc_timestamp(until_ns))
    hits = history.client_hits(client, since_ns, until_ns)
    moves = history.moves(since_ns, until_ns)
    kept = {hit.quote_id for hit in hits} | moves.keys()
    rows = RowHash()
    read = rows.hashed(_describe_quotes(report, history, since_ns, until_ns))
    quotes = {quote.quote_id: quote for quote in read if quote.quote_id is not None and quote.quote_id in kept}
    hits = list(rows.hashed(hits))
    _describe_withdrawals(report, quotes.values(), moves)
    _describe_hits(report, hits, quotes, moves)
    return report, rows.data_file(history.path)


def _describe_quotes(report: ClientReport, history: HistoryReader, since_ns: int, until_ns: int) -> Iterator[QuoteRow]:
    """Yields the quotes, which may be millions, and describes them once all have been read."""
    lifetimes: dict[str, list[float]] = {}
    decided_us: list[float] = []
    refusals, states, reasons, ends = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for quote, decided_ns in history.client_quotes(report.client, since_ns, until_ns):
        report.first_request = report.first_request or utc_timestamp(quote.wall_ns)
        report.last_request = utc_timestamp(quote.wall_ns)
        if quote.state == REFUSED:
            refusals[quote.reason] += 1
            yield quote
            continue
        states[quote.state] += 1
        reasons[quote.reason] += 1
        if quote.state == PASSED:
            ends[quote.because or PASSED] += 1
        lifetimes.setdefault(quote.model or "none", []).append(quote.lifetime_ns / NS_PER_MS)
        if decided_ns is None:
            report.unreadable += 1
        else:
            decided_us.append(decided_ns / NS_PER_US)
        yield quote
    report.quotes = states.total()
    report.refusals, report.states = _by_number(refusals), _by_number(states)
    report.lifetime_reasons, report.ends_by_client = _by_number(reasons), _by_number(ends)
    report.lifetimes_ms = {model: spread(values) for model, values in sorted(lifetimes.items())}
    report.decision_us = spread(decided_us)


def _describe_withdrawals(report: ClientReport, quotes: Iterable[QuoteRow], moves: dict[str, float | None]) -> None:
    reasons, directions = Counter[str](), Counter[str]()
    for quote in quotes:
        if quote.state != WITHDRAWN or quote.because not in WITHDRAWALS:
            continue
        reasons[quote.because] += 1
        if quote.side == TWO_WAY:
            report.withdrawn_two_way += 1
        else:
            directions[_direction(quote, quote.side, moves)] += 1
    report.withdrawals = _by_number(reasons)
    report.withdrawn_after = {direction: directions[direction] for direction in DIRECTIONS}


def _describe_hits(
    report: ClientReport, hits: Sequence[HitRow], quotes: dict[str, QuoteRow], moves: dict[str, float | None]
) -> None:
    by_outcome: dict[str, list[HitRow]] = {}
    for hit in hits:
        by_outcome.setdefault(hit.outcome, []).append(hit)
    for outcome, found in sorted(by_outcome.items()):
        responses = spread([hit.response_ns / NS_PER_MS for hit in found])
        report.hits.append(Hits(outcome, len(found), responses))
        report.markouts += _markouts(outcome, found)
    late = [(hit, quotes.get(hit.quote_id)) for hit in by_outcome.get("late", [])]
    report.late_by_ms = spread([(hit.wall_ns - q.valid_until_ns) / NS_PER_MS for hit, q in late if q is not None])
    filled = [hit for outcome, found in by_outcome.items() if outcome.startswith(FILLED) for hit in found]
    report.edge_ticks = spread([hit.edge_ticks for hit in filled if hit.edge_ticks is not None])
    directions = Counter[str]()
    for hit in by_outcome.get("withdrawn", []):
        quote = quotes.get(hit.quote_id)
        directions["unknown" if quote is None else _direction(quote, hit.side, moves)] += 1
    report.withdrawn_hits_after = {direction: directions[direction] for direction in DIRECTIONS}


def _markouts(outcome: str, hits: Sequence[HitRow]) -> list[Markouts]:
    """By horizon; none where no markout of these hits is known."""
    found = []
    for n, horizon in enumerate(HORIZON_NAMES):
        ticks = [known for hit in hits if (known := hit.markouts[n]) is not None]
        if ticks:
            against, in_favour = sum(t > 0 for t in ticks), sum(t < 0 for t in ticks)
            unchanged = len(ticks) - against - in_favour
            found.append(Markouts(outcome, horizon, against, in_favour, unchanged, spread(ticks)))
    return found


def _direction(quote: QuoteRow, side: int, moves: dict[str, float | None]) -> str:
    """For whom the mid had moved when a quote was withdrawn, for a client on that side."""
    moved = moves.get(quote.quote_id or "")
    if moved is None:
        return "unknown"
    if moved == 0:
        return "unchanged"
    return "for_client" if (moved > 0) == (side == BUY) else "for_desk"


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())


def spread(values: Sequence[float]) -> Spread:
    """The spread of some values."""
    if not values:
        return Spread(0, None, None, None, None)
    p5, p50, p95 = np.quantile(values, SHARES).tolist()
    return Spread(len(values), float(np.mean(values)), p5, p50, p95)
