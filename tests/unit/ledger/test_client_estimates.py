"""Client estimates in the context of a decision."""

import math

import msgspec
import numpy as np
import pytest

from quotelife.config import Client
from quotelife.config.client_sections import TierTerms
from quotelife.config.sections import Withdrawal
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_estimates import configured_row, copy_estimates
from quotelife_models import schema as S


def test_only_estimates_enter_the_context():
    row = configured_row(Client(name="A", sessions=["A"]), TierTerms(), Withdrawal())
    row[L.FILL_RATE : L.RACE_LOST + 1] = (0.1, 20.0, 0.3, 4.0, 0.5, 0.7)
    context = np.full(S.N_CONTEXT, 9.0)
    copy_estimates(row, context)
    names = ("fill_rate", "response", "response_cv", "toxicity", "informed_share", "race_lost")
    assert [context[S.CONTEXT_INDEX[f"client_{name}"]] for name in names] == [0.1, 20.0, 0.3, 4.0, 0.5, 0.7]
    assert (context == 9.0).sum() == S.N_CONTEXT - 6


def test_the_race_starts_from_what_is_assumed_about_client_and_desk():
    client, terms, desk = Client(name="A", sessions=["A"]), TierTerms(reaction_sigma=0.3), Withdrawal(latency_sigma=0.4)
    assumed = 0.5 * math.erfc(math.log(1.0 / 0.5) / 0.5 / math.sqrt(2))  # median 0.5 ms against 1 ms
    assert configured_row(client, terms, desk)[L.RACE_LOST] == pytest.approx(assumed)
    quick = msgspec.structs.replace(client, reaction_ms=0.5)
    assert configured_row(quick, terms, desk)[L.RACE_LOST] == pytest.approx(0.5), "its own comes before the tier's"


def test_every_race_is_lost_where_quotes_are_not_withdrawn():
    row = configured_row(Client(name="A", sessions=["A"]), TierTerms(), Withdrawal(enabled=False))
    assert row[L.RACE_LOST] == 1.0
