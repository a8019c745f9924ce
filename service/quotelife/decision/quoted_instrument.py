"""An instrument that is quoted: its configuration in ticks and lots, as pricing, limits and hits need it."""

from msgspec import Struct

from quotelife.config import Instrument
from quotelife.decision.trading_phases import TradingPhases
from quotelife.market.grid import Grid


class QuotedInstrument(Struct, frozen=True):
    """`row` is the instrument's row of the board, `parameters` its row of the parameter table (the same number);
    `prices` and `sizes` are its grids of ticks and lots; limits are in lots."""

    config: Instrument
    row: int
    prices: Grid
    sizes: Grid
    phases: TradingPhases
    parameters: int
    max_lots: int
    max_position_lots: int

    @classmethod
    def of(cls, config: Instrument, row: int) -> "QuotedInstrument":
        """The configured instrument that has this row."""
        lot = float(config.lot)
        return cls(
            config,
            row,
            Grid(config.tick),
            Grid(config.lot),
            TradingPhases(config.session),
            row,
            round(config.max_quantity / lot),
            max(round(config.max_position / lot), 1),
        )
