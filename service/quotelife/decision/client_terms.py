"""The terms that one client gets for one instrument or multileg, as arrays for the kernels."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.decision import kernel as K
from quotelife.decision.client_state import ClientState
from quotelife.decision.model_selection import compile_rules, thresholds
from quotelife.decision.multileg.multileg import Multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.shm.arrays import address_of


class ClientTerms(Struct, frozen=True):
    """Terms of one client for one instrument. `values` float64[TERM_WORDS] is laid out in `kernel`,
    `rules` float64[n, RULE_WORDS] in `model_selection`; `context` float64[N_CONTEXT] is the client's own, which changes
    with its statistics. `addresses` are those of values and rules, the number of rules, and the address of context."""

    values: NDArray[np.float64]
    rules: NDArray[np.float64]
    context: NDArray[np.float64]
    addresses: tuple[int, int, int, int]

    @classmethod
    def of(cls, config: Config, client: ClientState, instrument: QuotedInstrument) -> "ClientTerms":
        """The configured terms of this client for this instrument."""
        values = np.zeros(K.TERM_WORDS)
        values[K.TERM_HALF_SPREAD] = instrument.config.min_half_spread_ticks
        values[K.TERM_MARGIN] = client.margin_ticks
        values[K.TERM_SKEW] = config.pricing.inventory_skew_ticks
        values[K.TERM_MAX_POSITION] = instrument.max_position_lots
        values[K.TERM_MIN_LIFETIME_MS] = instrument.config.min_lifetime_ms
        values[K.TERM_MAX_LIFETIME_MS] = instrument.config.max_lifetime_ms
        values[K.TERM_LIMITS :] = thresholds(config.market)
        rules, context = compile_rules(config, client.client, [instrument.config.symbol]), client.context
        return cls(values, rules, context, addresses_of(values, rules, context))


class MultilegTerms(Struct, frozen=True):
    """Terms of one client for one multileg. `values`, `rules`, `context` and `addresses` are the multileg's, as in
    `ClientTerms`; `leg_values` float64[legs, TERM_WORDS] is each leg's own; `legs` int64[LEG_WORDS, legs], laid out in
    `quotelife.decision.multileg.kernel`, is filled anew for each request; `inputs` int64[LEG_INPUT_WORDS], at
    `inputs_address`, are its arrays for the kernel. `min_useful_ms` is the shortest lifetime that is quoted."""

    multileg: Multileg
    values: NDArray[np.float64]
    rules: NDArray[np.float64]
    context: NDArray[np.float64]
    addresses: tuple[int, int, int, int]
    leg_values: NDArray[np.float64]
    legs: NDArray[np.int64]
    inputs: NDArray[np.int64]
    inputs_address: int
    max_lots: tuple[int, ...]
    min_useful_ms: float


def addresses_of(
    values: NDArray[np.float64], rules: NDArray[np.float64], context: NDArray[np.float64]
) -> tuple[int, int, int, int]:
    """The `addresses` of `ClientTerms`."""
    at_values, at_rules = address_of(values, np.float64, "values"), address_of(rules, np.float64, "rules")
    return at_values, at_rules, len(rules), address_of(context, np.float64, "context")
