"""Units in which a trader reads an instrument: sizes in its base, features too, where the models count lots."""

import re
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Instrument
from quotelife.market.grid import Grid
from quotelife_models import schema as S

LOTS = "lots"  # unit of the features that are sizes
_PAIR = re.compile(r"([A-Z0-9]{2,8})[-/]([A-Z0-9]{3,8})")
_COUNTED = {"FUT": "contracts", "OPT": "contracts", "CS": "shares", "PS": "shares"}  # by SecurityType (167)
_IN_LOTS = np.array([feature.unit == LOTS for feature in S.FEATURES])


class TradingUnits(NamedTuple):
    """Of one instrument; `base` is the unit of its sizes and `currency` that of its price, empty where not known."""

    symbol: str
    base: str
    currency: str
    tick: str
    lot: str

    @property
    def feature_units(self) -> list[str]:
        """The unit of each feature, as `features` converts them."""
        return [self.base if feature.unit == LOTS else feature.unit for feature in S.FEATURES]

    def features(self, x: NDArray[np.float64]) -> list[float]:
        """A market row float64[N_FEATURES] with sizes in the base unit."""
        converted: list[float] = np.where(_IN_LOTS, x * float(self.lot), x).tolist()
        return converted

    def half_ticks(self, count: int) -> str:
        """The text of a price between two ticks."""
        half = Decimal(self.tick) / 2
        return format(half * count, f".{max(Grid(self.tick).decimals, Grid(str(half)).decimals if count % 2 else 0)}f")


def trading_units(instrument: Instrument) -> TradingUnits:
    """As configured; a pair without `base_currency` and `currency` has those of its name."""
    pair = _PAIR.fullmatch(instrument.symbol)
    counted = next((_COUNTED[kind] for kind in instrument.security_types if kind in _COUNTED), "")
    base = instrument.base_currency or counted or (pair[1] if pair else "")
    currency = instrument.currency or (pair[2] if pair else "")
    return TradingUnits(instrument.symbol, base, currency, instrument.tick, instrument.lot)
