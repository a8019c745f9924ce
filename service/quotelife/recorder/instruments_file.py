"""The file beside a capture that gives ticks and lots to programs that read it without the configuration."""

import json
from pathlib import Path

from quotelife.config import Config

INSTRUMENTS = "instruments.json"


def write_instruments(config: Config, folder: Path) -> None:
    """Write or update it; instruments that are no longer configured stay. OSError if it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / INSTRUMENTS
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for instrument in config.instrument:
        known[instrument.symbol] = {
            "tick": float(instrument.tick),
            "lot": float(instrument.lot),
            "venues": instrument.venues,
            "quotable": instrument.quotable,
            "correlated": instrument.correlated,
            "volatility_index": instrument.volatility_index,
            "sentiment_half_life_s": config.market.sentiment_half_life_s,
        }
    fresh = path.with_name(f"{INSTRUMENTS}.new")
    fresh.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
