"""What a configuration means for decisions, built before it is in force: building may fail, using it does not."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.decision.policies import policy_of
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife_models.enums import MODELS


class DecisionSettings(Struct, frozen=True):
    """`policies` is float64[models, N_POLICY]; `instruments` are the quoted ones by symbol."""

    config: Config
    policies: NDArray[np.float64]
    instruments: dict[str, QuotedInstrument]

    @classmethod
    def of(cls, config: Config) -> "DecisionSettings":
        """ConfigError for a setting that the kernels do not know."""
        policies = np.stack([policy_of(config, name) for name in MODELS])
        quoted = ((row, i) for row, i in enumerate(config.instrument) if i.quotable)
        return cls(config, policies, {i.symbol: QuotedInstrument.of(i, row) for row, i in quoted})
