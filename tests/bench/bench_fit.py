"""Time to build a data set: one symbol-day of quotes to feature rows, first passages and samples, on one core.

    python -m tests.bench.bench_fit FOLDER SYMBOL DAY

The first pass compiles or loads the kernels; the second is printed, in wall time and processor time, which differ on a
busy machine.
"""

import sys
import time
from pathlib import Path

from quotelife_research.calibration.calibrate import STEP_MS
from quotelife_research.calibration.dataset import samples
from quotelife_research.data import files, sources
from quotelife_research.data.replay import replay
from quotelife_research.data.sources import Span

ROWS = 300_000  # of a fit
_WARM_UP = 20_000  # events


def main(folder: str, symbol: str, day: str) -> None:
    source = files.symbols_in(Path(folder))[symbol]
    (session,) = sources.sessions(source, [Span.parse(day)])
    few = type(session)(**{**vars(session), "events": session.events[:_WARM_UP]})
    samples([replay(few, STEP_MS)], ROWS)
    wall, cpu = time.monotonic(), time.process_time()
    (session,) = sources.sessions(source, [Span.parse(day)])
    read = time.monotonic()
    grid = replay(session, STEP_MS)
    rows = samples([grid], ROWS)
    print(
        f"{symbol} {day}: {len(session.events)} events, {len(grid.ts_ns)} feature rows with 16 labels each, "
        f"{len(rows)} samples: {time.monotonic() - wall:.2f} s ({time.process_time() - cpu:.2f} s of processor), "
        f"{read - wall:.2f} s of it reading"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
