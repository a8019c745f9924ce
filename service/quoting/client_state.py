"""What is known of a client while the service runs: its terms, its statistics, its allowance of requests.

The response time starts from what the configuration assumes, weighed as so many observations, and moves to what is
measured. The fill rate is counted but stays as assumed in decisions: it would fall with every quote that is not hit
until the client is refused, and a client that is refused can never raise it again.
"""

import numpy as np

from models import schema as S
from models.policy import TIERS
from service.clock import NS_PER_MS, NS_PER_S
from service.config import Client, Config
from service.config.sections import TierTerms

ASSUMED_WEIGHT = 20  # observations that the configured values count for


class ClientState:
    """One client. `context` float64[N_CONTEXT] holds the client's part of a decision's context."""

    def __init__(self, index: int, client: Client, terms: TierTerms) -> None:
        self.index, self.client = index, client
        self.margin_ticks = terms.margin_ticks + client.margin_ticks
        self.context = np.zeros(S.N_CONTEXT)
        self.context[S.CLIENT_TIER] = TIERS.index(client.tier)
        self.context[S.CLIENT_FILL_RATE] = _first(client.fill_rate, terms.fill_rate)
        self.context[S.CLIENT_RESPONSE] = _first(client.response_ms, terms.response_ms)
        self.context[S.CLIENT_RESPONSE_CV] = terms.response_cv
        self.context[S.CLIENT_INFORMED_SHARE] = _first(client.informed_share, terms.informed_share)
        self.context[S.CLIENT_ROUND_TRIP] = client.round_trip_ms
        self.quotes = self.hits = 0
        self._responses = float(ASSUMED_WEIGHT)
        self._response_ms = self.context[S.CLIENT_RESPONSE] * ASSUMED_WEIGHT
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

    @property
    def fill_rate(self) -> float:
        """Share of the quotes that were hit; 0 without any."""
        return self.hits / self.quotes if self.quotes else 0.0

    def hit(self, response_ns: int) -> None:
        """The client has hit a quote `response_ns` after it was given."""
        self.hits += 1
        self._responses += 1.0
        self._response_ms += response_ns / NS_PER_MS
        self.context[S.CLIENT_RESPONSE] = self._response_ms / self._responses


def client_states(config: Config) -> dict[str, ClientState]:
    """The state of each client by the SenderCompIDs of its sessions."""
    states = {}
    for index, client in enumerate(config.client):
        state = ClientState(index, client, getattr(config.tier, client.tier))
        states.update(dict.fromkeys(client.sessions, state))
    return states


def _first(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
