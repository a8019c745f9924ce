"""Client estimates in the context of a decision."""

import numpy as np

from quotelife.config import Client
from quotelife.config.sections import TierTerms
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_estimates import configured_row, copy_estimates
from quotelife_models import schema as S


def test_only_estimates_enter_the_context():
    row = configured_row(Client(name="A", sessions=["A"]), TierTerms())
    row[L.FILL_RATE : L.INFORMED_SHARE + 1] = (0.1, 20.0, 0.3, 4.0, 0.5)
    context = np.full(S.N_CONTEXT, 9.0)
    copy_estimates(row, context)
    names = ("client_fill_rate", "client_response", "client_response_cv", "client_toxicity", "client_informed_share")
    assert [context[S.CONTEXT_INDEX[name]] for name in names] == [0.1, 20.0, 0.3, 4.0, 0.5]
    assert (context == 9.0).sum() == S.N_CONTEXT - 5
