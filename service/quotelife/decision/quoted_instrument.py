"""An instrument as those need it who quote it and deal in it."""

from msgspec import Struct

from quotelife.config import Instrument
from quotelife.decision.trading_phases import Phases
from quotelife.market.grid import Grid


class Traded(Struct, frozen=True):
    """`row` of the board, `parameters` the row of their table, which is the same; limits in lots."""

    instrument: Instrument
    row: int
    prices: Grid
    sizes: Grid
    phases: Phases
    parameters: int
    max_lots: int
    max_position_lots: int

    @classmethod
    def of(cls, instrument: Instrument, row: int) -> "Traded":
        """The configured instrument of that row."""
        lot = float(instrument.lot)
        return cls(
            instrument,
            row,
            Grid(instrument.tick),
            Grid(instrument.lot),
            Phases(instrument.session),
            row,
            round(instrument.max_quantity / lot),
            max(round(instrument.max_position / lot), 1),
        )
