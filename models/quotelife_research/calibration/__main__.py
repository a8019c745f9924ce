"""`python -m quotelife_research.calibration`: the calibration without the command line of the service."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from quotelife_research.calibration.command import EXIT_WRONG_INPUT, run


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_WRONG_INPUT, f"calibrate: {message}\n")


def main() -> int:
    parser = _Parser(prog="python -m quotelife_research.calibration", description="Fit the hazard on market data.")
    parser.add_argument("--data", type=Path, help="folder of *_quotes.parquet and *_trades.parquet")
    parser.add_argument("--train", default="", help="days FROM..TO; separate several with commas")
    parser.add_argument("--test", default="", help="days FROM..TO; separate several with commas")
    parser.add_argument("--sample", action="store_true", help="also fit the order-by-order sample, split in time")
    parser.add_argument("--out", type=Path, required=True, help="folder for the parameter files and report.json")
    options = parser.parse_args()
    return run(options.data, options.train, options.test, options.out, options.sample)


if __name__ == "__main__":
    sys.exit(main())
