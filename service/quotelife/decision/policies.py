"""The settings of the expiry models as the kernels read them."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError
from quotelife_models.policy import pack


def policy_of(config: Config, model: str) -> NDArray[np.float64]:
    """policy float64[N_POLICY] of one model: its section, and whether open quotes are withdrawn.

    Raises ConfigError for a setting that the kernels do not know.
    """
    section = msgspec.structs.asdict(getattr(config.models, model))
    try:
        return pack(section | {"withdrawal": float(config.withdrawal.enabled)})
    except ValueError as error:
        raise ConfigError(
            Path(config.file), f"models.{model}", str(error), "allowed: see models/quotelife_models/policy.py"
        ) from None
