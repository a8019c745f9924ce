"""What a decision uses of a client's statistics: the estimates configured before any is measured, and their context."""

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Client
from quotelife.config.sections import TierTerms
from quotelife.ledger import client_layout as L
from quotelife_models import schema as S

Row = NDArray[np.float64]
_ESTIMATES = slice(L.FILL_RATE, L.INFORMED_SHARE + 1)
_CONTEXT = [
    S.CLIENT_FILL_RATE,
    S.CLIENT_RESPONSE,
    S.CLIENT_RESPONSE_CV,
    S.CLIENT_TOXICITY,
    S.CLIENT_INFORMED_SHARE,
]


def configured_row(client: Client, terms: TierTerms) -> Row:
    """Row float64[ROW_WORDS] of a client for which nothing has been measured."""
    row = np.zeros(L.ROW_WORDS)
    row[L.FILL_RATE] = _first(client.fill_rate, terms.fill_rate)
    row[L.RESPONSE_MS] = _first(client.response_ms, terms.response_ms)
    row[L.RESPONSE_CV] = terms.response_cv
    row[L.INFORMED_SHARE] = _first(client.informed_share, terms.informed_share)
    return row


def copy_estimates(row: Row, context: NDArray[np.float64]) -> None:
    """Copy the estimates of a row into the client's words of a decision's context, float64[N_CONTEXT]."""
    context[_CONTEXT] = row[_ESTIMATES]


def _first(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
