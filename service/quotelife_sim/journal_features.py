"""Features and market state at each decision, read from the service's journal."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from quotelife.journal import layout as J
from quotelife.journal.ring import Reader
from quotelife.shm.region import RegionError
from quotelife_models import schema
from quotelife_models.enums import MARKET_STATES
from quotelife_sim.clients.deal import Deal


def add_features(deals: Iterable[Deal], journal: Path) -> None:
    """Set features and market state of the deals whose decisions are in the journal."""
    try:
        reader = Reader(journal, from_start=True)
    except RegionError:
        return
    wanted = {deal.request_id: deal for deal in deals}
    for record in reader.read():
        deal = wanted.get(record.request_id)
        if deal is None or record.kind != J.KIND_QUOTE:
            continue
        deal.features = dict(zip(schema.NAMES, np.asarray(record.features).tolist(), strict=True))
        deal.market = MARKET_STATES[record.market_state]
