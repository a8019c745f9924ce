"""Price steps: inferred from prices, or declared and checked against them."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from quotelife_research.data.files import INSTRUMENTS, DataError, Source

OFF_TICK = 1e-4  # ticks: larger distances from a multiple of the tick are no rounding


def tick_of(prices: npt.NDArray[np.float64]) -> float:
    """The largest price step, a multiple of a power of ten, that divides all prices."""
    some = np.unique(prices)
    for decimals in range(10):
        scaled = some * 10.0**decimals
        whole = np.rint(scaled)
        if np.abs(scaled - whole).max() < 1e-4:
            return float(np.gcd.reduce(whole.astype(np.int64))) / 10.0**decimals
    raise DataError("prices with more than 9 decimals")


def inferred_tick(source: Source, day: date, *prices: pl.Series) -> float:
    try:
        return tick_of(np.concatenate([column.to_numpy() for column in prices]))
    except DataError as error:
        raise DataError(
            f"{source.symbol}, {day}: {error}; allowed: a price step, which import takes as --tick"
        ) from None


def check_tick(source: Source, day: date, rows: pl.DataFrame, *columns: str) -> None:
    """DataError if a price is not a multiple of the symbol's declared tick."""
    tick = source.tick or 0.0
    for name in columns if len(rows) else ():
        prices = rows[name].to_numpy()
        wrong = off_tick(prices, tick)
        if wrong.any():
            raise DataError(
                f"{source.symbol}, {day}: {int(wrong.sum())} of {len(rows)} prices {name} are not multiples of the "
                f"tick {tick:g} in {INSTRUMENTS}, such as {prices[wrong][0]:g}; allowed: multiples of it, or import "
                "with their --tick into another folder"
            )


def off_tick(prices: Any, tick: float) -> Any:
    """Whether prices are not multiples of the tick."""
    ticks = np.asarray(prices, np.float64) / tick
    return np.abs(ticks - np.rint(ticks)) > OFF_TICK
