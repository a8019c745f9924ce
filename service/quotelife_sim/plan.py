"""What the simulation's processes are told by the command: one JSON file."""

from decimal import Decimal
from pathlib import Path

import msgspec

from quotelife.config import Config, load
from quotelife_sim.markets.market import Scale


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    market: str  # one of options.MARKETS or options.SCENARIOS
    config: str  # file
    directory: str  # the run's own folder, on shared memory
    seed: int
    duration_s: float
    instruments: int

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
    """Ticks and lots by symbol, the service's and the venue's names alike."""
    found = {}
    for instrument in config.instrument:
        scale = Scale(Decimal(instrument.tick), Decimal(instrument.lot))
        found[instrument.symbol] = found[instrument.venue_symbol or instrument.symbol] = scale
    return found
