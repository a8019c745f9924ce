"""The parameters of a run, which the command hands to its processes as a JSON file."""

from decimal import Decimal
from pathlib import Path

import msgspec

from quotelife.config import Config, load
from quotelife_sim.markets.market import Scale


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    market: str  # sample, synthetic, or the name of a scenario
    config: str  # file
    directory: str  # folder of the run, in shared memory
    seed: int
    duration_s: float
    instruments: int
    news: bool = True  # whether the venue of a scenario sends its news

    @property
    def tape(self) -> Path:
        return Path(self.directory) / "tape"

    @property
    def file(self) -> Path:
        return Path(self.directory) / "plan.json"

    def write(self) -> Path:
        self.file.write_bytes(msgspec.json.encode(self))
        return self.file

    @classmethod
    def read(cls, path: str | Path) -> "Plan":
        return msgspec.json.decode(Path(path).read_bytes(), type=cls)

    def configuration(self) -> Config:
        return load(self.config)


def scales(config: Config) -> dict[str, Scale]:
    """Tick and lot by symbol, under the service's and the venue's name of the instrument."""
    by_symbol: dict[str, Scale] = {}
    for instrument in config.instrument:
        scale = Scale(Decimal(instrument.tick), Decimal(instrument.lot))
        by_symbol |= dict.fromkeys((instrument.symbol, *map(instrument.symbol_at, instrument.venues)), scale)
    return by_symbol
