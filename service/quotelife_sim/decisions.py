"""What the service saw when it decided: the features of each quote, from its journal."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from quotelife.decision.model_selection import MARKETS
from quotelife.journal import layout as J
from quotelife.journal.ring import JournalError, Reader
from quotelife_models import schema
from quotelife_sim.clients.conversation import Deal


def add_features(deals: Iterable[Deal], journal: Path) -> None:
    """Put the journalled features and the state of the market into the deals that the journal still has."""
    try:
        reader = Reader(journal, from_start=True)
    except (JournalError, OSError):
        return
    wanted = {deal.request_id: deal for deal in deals}
    for record in reader.read():
        deal = wanted.get(record.request_id)
        if deal is None or record.kind != J.KIND_QUOTE:
            continue
        deal.features = dict(zip(schema.NAMES, np.asarray(record.features).tolist(), strict=True))
        deal.market = MARKETS[record.market_state]
