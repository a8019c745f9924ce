"""What the reports read from the service's journal: inputs of decisions, and how fast quotes were withdrawn."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.journal.ring import Reader
from quotelife.shm.region import RegionError
from quotelife_models import schema
from quotelife_models.enums import MARKET_STATES
from quotelife_sim.clients.deal import Deal


def add_features(deals: Iterable[Deal], journal: Path) -> None:
    """Set features and market state of the deals whose decisions are in the journal."""
    wanted = {deal.request_id: deal for deal in deals}
    for record in _records(journal):
        deal = wanted.get(record.request_id)
        if deal is None or record.kind != J.KIND_QUOTE:
            continue
        deal.features = dict(zip(schema.NAMES, np.asarray(record.features).tolist(), strict=True))
        deal.market = MARKET_STATES[record.market_state]


def decision_of(request_id: str, journal: Path) -> Record | None:
    """The record of the quote for this QuoteReqID; None if it is not in the journal."""
    found = None
    for record in _records(journal):
        if record.kind == J.KIND_QUOTE and record.request_id == request_id:
            found = record
    return found


def withdrawal_latency_ns(journal: Path) -> int | None:
    """Median time from the change of the board that a quote was withdrawn for to its withdrawal; None without one."""
    taken = [
        record.mono_ns - record.board_change_ns
        for record in _records(journal)
        if record.kind == J.KIND_CANCEL and record.board_change_ns > 0
    ]
    return int(np.median(taken)) if taken else None


def _records(journal: Path) -> Iterator[Record]:
    """All records; none where there is no journal."""
    try:
        reader = Reader(journal, from_start=True)
    except RegionError:
        return
    yield from reader.read()
