"""A client while the service runs: its margin, its statistics, its allowance of requests.

The statistics start from the assumptions of the configuration. The recorder measures them and publishes them a few
times a second; `quotelife.recorder.client_statistics` says how. Nothing is counted here, so nothing is counted twice.
"""

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Client, Config
from quotelife.config.client_sections import TierTerms
from quotelife.config.sections import Withdrawal
from quotelife.ledger.client_estimates import configured_row, copy_estimates
from quotelife.runtime.clock import NS_PER_S
from quotelife_models import schema as S
from quotelife_models.enums import TIERS


class ClientState:
    """One client. `index` is its number in the configuration; `context` float64[N_CONTEXT] holds the client's part of a
    decision's context, the rest is 0."""

    def __init__(self, index: int, client: Client, terms: TierTerms, withdrawal: Withdrawal) -> None:
        self.index = index
        self.context = np.zeros(S.N_CONTEXT)
        copy_estimates(configured_row(client, terms, withdrawal), self.context)
        self._refilled_ns = 0
        self.configure(client, terms)
        self._allowance = self._max_allowance

    def configure(self, client: Client, terms: TierTerms) -> None:
        """Use other terms; the statistics stay until the recorder, which has them too, publishes new ones."""
        self.client = client
        self.margin_ticks = terms.margin_ticks + client.margin_ticks
        self.context[S.CLIENT_TIER] = TIERS.index(client.tier)
        self.context[S.CLIENT_ROUND_TRIP] = client.round_trip_ms
        self._max_allowance = max(client.requests_per_second, 1.0)

    def allow_request(self, now_ns: int) -> bool:
        """Count a request at `now_ns` (monotonic) if the allowance covers it, else return False.

        The allowance refills evenly and holds at most one second of requests.
        """
        refill = (now_ns - self._refilled_ns) * self.client.requests_per_second / NS_PER_S
        self._refilled_ns = now_ns
        self._allowance = min(self._allowance + refill, self._max_allowance)
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True

    def update_statistics(self, row: NDArray[np.float64]) -> None:
        """Use the estimates of the client's row of `quotelife.ledger.client_layout`."""
        copy_estimates(row, self.context)


def client_states(config: Config) -> dict[str, ClientState]:
    """The state of each client by the SenderCompIDs of its sessions."""
    states = {}
    for index, client in enumerate(config.client):
        state = ClientState(index, client, getattr(config.tier, client.tier), config.withdrawal)
        states.update(dict.fromkeys(client.sessions, state))
    return states


def configure_clients(config: Config, known: dict[str, ClientState]) -> dict[str, ClientState]:
    """The state of each client by its name: those of `known` with the terms that they have now, and new ones."""
    states = {}
    for index, client in enumerate(config.client):
        terms, state = getattr(config.tier, client.tier), known.get(client.name)
        if state is None:
            state = ClientState(index, client, terms, config.withdrawal)
        else:
            state.configure(client, terms)
        states[client.name] = state
    return states
