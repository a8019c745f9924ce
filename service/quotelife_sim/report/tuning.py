"""Tunes the fixed lifetimes of a careful desk on the minutes before the run, in a process of its own during it.

    python -m quotelife_sim.report.tuning PLAN.json

It prints a line `TUNED {json}` and ends. It has a lower priority: what it takes must not slow the service down.
"""

import os
import sys

import msgspec

from quotelife.runtime.process import end_with_parent
from quotelife_sim.plan import Plan
from quotelife_sim.report.baselines import tuned_on
from quotelife_sim.report.minutes_before import quote_minutes_before

TUNED = "TUNED "
_NICE = 5


def main(arguments: list[str]) -> int:
    end_with_parent()
    os.nice(_NICE)
    tuned = tuned_on(quote_minutes_before(Plan.read(arguments[0])))
    print(TUNED + msgspec.json.encode(tuned).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
