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

# The allowance of requests, 8-byte words that kernels read and write too: an integer, then floats.
(
    ALLOWANCE_REFILLED_NS,  # monotonic
    ALLOWANCE_REQUESTS,  # that may be made at once
    ALLOWANCE_MAX_REQUESTS,
    ALLOWANCE_PER_SECOND,
) = range(4)
ALLOWANCE_WORDS = 4


class ClientState:
    """One client. `index` is its number in the configuration; `context` float64[N_CONTEXT] holds the client's part of a
    decision's context, the rest is 0; `allowance` int64[ALLOWANCE_WORDS] is that of its requests."""

    def __init__(self, index: int, client: Client, terms: TierTerms, withdrawal: Withdrawal) -> None:
        self.index = index
        self.context = np.zeros(S.N_CONTEXT)
        copy_estimates(configured_row(client, terms, withdrawal), self.context)
        self.allowance = np.zeros(ALLOWANCE_WORDS, np.int64)
        self._allowance: memoryview[float] = self.allowance.view(np.float64).data  # type: ignore[assignment]
        self._refilled = self.allowance.data
        self.configure(client, terms)
        self._allowance[ALLOWANCE_REQUESTS] = self._allowance[ALLOWANCE_MAX_REQUESTS]

    def configure(self, client: Client, terms: TierTerms) -> None:
        """Use other terms; the statistics stay until the recorder, which has them too, publishes new ones."""
        self.client = client
        self.margin_ticks = terms.margin_ticks + client.margin_ticks
        self.context[S.CLIENT_TIER] = TIERS.index(client.tier)
        self.context[S.CLIENT_ROUND_TRIP] = client.round_trip_ms
        self._allowance[ALLOWANCE_MAX_REQUESTS] = max(client.requests_per_second, 1.0)
        self._allowance[ALLOWANCE_PER_SECOND] = client.requests_per_second

    def allow_request(self, now_ns: int) -> bool:
        """Count a request at `now_ns` (monotonic) if the allowance covers it, else return False.

        The allowance refills evenly and holds at most one second of requests.
        """
        allowance = self._allowance
        refill = (now_ns - self._refilled[ALLOWANCE_REFILLED_NS]) * allowance[ALLOWANCE_PER_SECOND] / NS_PER_S
        self._refilled[ALLOWANCE_REFILLED_NS] = now_ns
        requests = min(allowance[ALLOWANCE_REQUESTS] + refill, allowance[ALLOWANCE_MAX_REQUESTS])
        is_allowed = requests >= 1.0
        allowance[ALLOWANCE_REQUESTS] = requests - 1.0 if is_allowed else requests
        return is_allowed

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
