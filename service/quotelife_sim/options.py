"""The options of `quotelife simulate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MarketName = Literal["sample", "synthetic"]
SHOCK = "eth-news-shock"
DEFAULT_FIXED_MS = 2_000.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """Defaults are those of the demo. A scenario has its own market and configuration."""

    market: MarketName | None = None  # the sample if absent, unless a scenario is named
    instruments: int | None = None  # of the synthetic market, 1 if absent
    scenario: str | None = None
    duration: float = 60.0  # seconds of requests; 0 runs until interrupted
    seed: int = 1
    json: Path | None = None  # file for all measurements, as JSON
    config: Path | None = None  # the demo configuration, or that of the scenario, if absent
    news: bool = True  # of a scenario; without it the service has to see the shock in its features
    fixed_ms: float | None = None  # a fixed expiry for all to compare with, too; a scenario has DEFAULT_FIXED_MS
    record: Path | None = None  # file for a recording of the live page, as asciicast
