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
    if not len(some):
        raise DataError("no prices")
    for decimals in range(10):
        scaled = some * 10.0**decimals
        whole = np.rint(scaled)
        if np.abs(scaled - whole).max() < 1e-4:
            return float(np.gcd.reduce(whole.astype(np.int64))) / 10.0**decimals
    raise DataError("prices with more than 9 decimals")


def inferred_tick(source: Source, day: date, *prices: pl.Series) -> float:
    """The step of these prices; 1 if all are absent."""
    known = np.concatenate([column.drop_nulls().to_numpy() for column in prices])
    try:
        return tick_of(known) if len(known) else 1.0
    except DataError as error:
        raise DataError(
            f"{source.symbol}, {day}: {error}; allowed: a price step, which import takes as --tick"
        ) from None


def check_tick(source: Source, day: date, rows: pl.DataFrame, *columns: str) -> None:
    """DataError if a price is not a multiple of the symbol's declared tick."""
    tick = source.tick or 0.0
    for name in columns if len(rows) else ():
        prices = rows[name].drop_nulls().to_numpy()
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


def check_lot(source: Source, day: date, rows: pl.DataFrame, *columns: str) -> None:
    """DataError if a size is not a multiple of the symbol's lot: as whole lots it would be another size, or none."""
    for name in columns if len(rows) else ():
        sizes = rows[name].to_numpy()
        wrong = off_lot(sizes, source.lot)
        if wrong.any():
            raise DataError(
                f"{source.symbol}, {day}: {int(wrong.sum())} of {len(rows)} sizes {name} are not multiples of the lot "
                f"{source.lot:g}, such as {sizes[wrong][0]:g}; allowed: multiples of it, or import with their --lot"
            )


def off_lot(sizes: Any, lot: float) -> Any:
    """Whether sizes are not multiples of the lot, as exactly as numbers of 64 bits hold them."""
    lots = np.asarray(sizes, np.float64) / lot
    return np.abs(lots - np.rint(lots)) > np.maximum(OFF_TICK, 1e-12 * np.abs(lots))
