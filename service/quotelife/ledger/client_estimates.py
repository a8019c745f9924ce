"""What a decision uses of a client's statistics: the estimates configured before any is measured, and their context."""

import math

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Client
from quotelife.config.client_sections import TierTerms
from quotelife.config.sections import Withdrawal
from quotelife.ledger import client_layout as L
from quotelife_models import schema as S
from quotelife_models.race import race_lost

Row = NDArray[np.float64]
_ESTIMATES = slice(L.FILL_RATE, L.RACE_LOST + 1)
_CONTEXT = [
    S.CLIENT_FILL_RATE,
    S.CLIENT_RESPONSE,
    S.CLIENT_RESPONSE_CV,
    S.CLIENT_TOXICITY,
    S.CLIENT_INFORMED_SHARE,
    S.CLIENT_RACE_LOST,
]
NOT_WITHDRAWN = 1.0  # share of races lost where quotes are not withdrawn


def configured_row(client: Client, terms: TierTerms, withdrawal: Withdrawal) -> Row:
    """Row float64[ROW_WORDS] of a client for which nothing has been measured."""
    row = np.zeros(L.ROW_WORDS)
    row[L.FILL_RATE] = _first(client.fill_rate, terms.fill_rate)
    row[L.WIN_SHARE] = row[L.FILL_RATE]
    row[L.RESPONSE_MS] = _first(client.response_ms, terms.response_ms)
    row[L.RESPONSE_CV] = terms.response_cv
    row[L.INFORMED_SHARE] = _first(client.informed_share, terms.informed_share)
    own, reaction = configured_latency(withdrawal), configured_reaction(client, terms)
    row[L.RACE_LOST] = race_lost(*own, *reaction, 0.0) if withdrawal.enabled else NOT_WITHDRAWN
    return row


def configured_reaction(client: Client, terms: TierTerms) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of the client's reaction in ms, before any is measured."""
    return math.log(_first(client.reaction_ms, terms.reaction_ms)), terms.reaction_sigma


def configured_latency(withdrawal: Withdrawal) -> tuple[float, float]:
    """The same of the desk's own latency."""
    return math.log(withdrawal.latency_ms), withdrawal.latency_sigma


def copy_estimates(row: Row, context: NDArray[np.float64]) -> None:
    """Copy the estimates of a row into the client's words of a decision's context, float64[N_CONTEXT]."""
    context[_CONTEXT] = row[_ESTIMATES]


def _first(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
