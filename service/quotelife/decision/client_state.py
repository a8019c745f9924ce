"""What is known of a client while the service runs: its terms, its statistics, its allowance of requests.

The statistics start from what the configuration assumes. They are measured elsewhere, by the recorder, which hands them
back a few times a second: `quotelife.ledger.client_statistics` says how. Nothing is counted here, so nothing is
counted twice.
"""

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Client, Config
from quotelife.config.sections import TierTerms
from quotelife.ledger.client_statistics import assumed, fill_context
from quotelife.runtime.clock import NS_PER_S
from quotelife_models import schema as S
from quotelife_models.policy import TIERS


class ClientState:
    """One client. `context` float64[N_CONTEXT] holds the client's part of a decision's context."""

    def __init__(self, index: int, client: Client, terms: TierTerms) -> None:
        self.index, self.client = index, client
        self.margin_ticks = terms.margin_ticks + client.margin_ticks
        self.context = np.zeros(S.N_CONTEXT)
        self.context[S.CLIENT_TIER] = TIERS.index(client.tier)
        fill_context(assumed(client, terms), self.context)
        self.context[S.CLIENT_ROUND_TRIP] = client.round_trip_ms
        self._allowance = self._most = max(client.requests_per_second, 1.0)
        self._filled_ns = 0

    def may_ask(self, now_ns: int) -> bool:
        """Take one request from the allowance, which refills evenly and holds one second's worth at most."""
        refill = (now_ns - self._filled_ns) * self.client.requests_per_second / NS_PER_S
        self._filled_ns = now_ns
        self._allowance = min(self._allowance + refill, self._most)
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True

    def learn(self, row: NDArray[np.float64]) -> None:
        """Take over the estimates of the client's row of `quotelife.ledger.client_layout`."""
        fill_context(row, self.context)


def client_states(config: Config) -> dict[str, ClientState]:
    """The state of each client by the SenderCompIDs of its sessions."""
    states = {}
    for index, client in enumerate(config.client):
        state = ClientState(index, client, getattr(config.tier, client.tier))
        states.update(dict.fromkeys(client.sessions, state))
    return states
