"""Prices of a quote, in ticks.

The default: the cost of hedging, that is the average price of the size in the book, but never nearer to the micro-price
than the configured half-spread. The client's margin is added, both prices are shifted against the inventory, and each
is rounded to a tick away from the client. A price is never one at which the market would trade at once.

The default's kernel is `quotelife.decision.kernel.price`. A desk's own pricing is an object with the method of
`Provider`, named by `[pricing] provider`.
"""

import importlib
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError
from quotelife.decision.kernel import price


@runtime_checkable
class Provider(Protocol):
    """The interface of a desk's own pricing.

    `snap` int64[SNAP_WORDS] is the top of the book (`quotelife.market.board.layout`), `x` float64[N_FEATURES] the
    features; both are read only. `size_lots` is the requested size, `half_spread` the smallest distance from the
    micro-price, `margin` the client's and `shift` the inventory's (negative when long), all three in ticks. `out`
    int64[2] receives bid and offer in ticks: always both, the request's side is applied afterwards. An exception
    becomes a refusal to the client, is counted and logged.
    """

    def price(
        self,
        snap: NDArray[np.int64],
        x: NDArray[np.float64],
        size_lots: int,
        half_spread: float,
        margin: float,
        shift: float,
        out: NDArray[np.int64],
    ) -> None: ...


class BookPricing:
    """The default provider. Where it is configured, the deciding kernel calls its kernel directly."""

    price = staticmethod(price)


default = BookPricing()


def load(config: Config) -> Provider:
    """The configured provider. Raises ConfigError if the name cannot be imported or has no method price."""
    text = config.pricing.provider
    allowed = "allowed: module:object, an object with the method price of quotelife.decision.pricing.Provider"
    module, _, name = text.partition(":")
    try:
        provider = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a desk's module may raise
        raise ConfigError(Path(config.file), "pricing.provider", text, f"{error}; {allowed}") from None
    if not isinstance(provider, Provider):
        raise ConfigError(Path(config.file), "pricing.provider", text, f"the object has no method price; {allowed}")
    return provider
