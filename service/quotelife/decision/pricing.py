"""Prices of a quote, in ticks.

The default: the cost of hedging, that is the average price of the size in the book, but never nearer to the micro-price
than the configured half-spread. The client's margin is added, both prices are shifted against the inventory, and each
is rounded to a tick away from the client. A price is never one at which the market would trade at once.

A desk's own pricing is an object with the method of `Provider`, named by `[pricing] provider`.
"""

import importlib
import math
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError
from quotelife.market.board import layout as L
from quotelife_models import schema as S

BID, OFFER = 0, 1
_ROUNDING = 1e-9  # ticks: a price this near to a tick counts as on it


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


@njit("float64(int64[::1], int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def walk(snap, px, sz, levels, size_lots):
    """Average price in ticks of `size_lots` from the levels at `px` and `sz` of `snap`.

    Size beyond the known levels is priced as far behind the last level as that is from the first.
    """
    first, last = snap[px], snap[px + levels - 1]
    left, paid = size_lots, 0.0
    for i in range(levels):
        taken = min(left, snap[sz + i])
        paid += np.float64(taken) * snap[px + i]
        left -= taken
        if left <= 0:
            break
    if left > 0:
        outwards = 1 if px == L.SNAP_ASK_PX else -1
        paid += np.float64(left) * (last + outwards * max(abs(last - first), 1))
    return paid / size_lots


@njit(
    "void(int64[::1], float64[::1], int64, float64, float64, float64, int64[::1])", cache=True, nogil=True, _nrt=False
)
def price(snap, x, size_lots, half_spread, margin, shift, out):
    """The default prices; see `Provider`. The book must be two-sided and not crossed, `size_lots` positive."""
    best_bid, best_ask = snap[L.SNAP_BID_PX], snap[L.SNAP_ASK_PX]
    micro = (best_bid + best_ask) / 2.0 + x[S.MICRO_DEVIATION]
    up = walk(snap, L.SNAP_ASK_PX, L.SNAP_ASK_SZ, snap[L.SNAP_N_ASK], size_lots) - micro
    down = micro - walk(snap, L.SNAP_BID_PX, L.SNAP_BID_SZ, snap[L.SNAP_N_BID], size_lots)
    offer = math.ceil(micro + max(up, half_spread) + margin + shift - _ROUNDING)
    bid = math.floor(micro - max(down, half_spread) - margin + shift + _ROUNDING)
    # The skew of a full inventory or a negative margin must not make a price at which the market would trade.
    out[OFFER] = max(offer, best_bid + 1)
    out[BID] = min(bid, best_ask - 1)
    if out[BID] >= out[OFFER]:
        out[OFFER] = out[BID] + 1


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
