"""Reads a capture: the events of one symbol and of its related symbols, in receive order.

Times are converted to the wall clock at the monotonic clock's rate: within a run of the market-data process, receive
times are shifted by one constant, a multiple of 100 ms, so that windows begin and end as in the service and features
are equal bit for bit.
"""

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from quotelife.market.board.layout import MEMORY_TIMES, SLOW_NS
from quotelife.market.capture import layout as L
from quotelife.market.capture.events import PRICES_OR_NONE, words_of
from quotelife_research.data.files import DataError

Words = npt.NDArray[np.int64]


def read(files: list[list[Path]], day: date, first_ns: int, end_ns: int) -> Words:
    """Events int64[n, EVENT_WORDS] with wall-clock times in [first_ns, end_ns); those of files[k] get row k.

    Empty without events of row 0. DataError for files of another version.
    """
    todays = [[path for path in paths if path.parents[1].name == f"day={day}"] for paths in files]
    found = runs(todays, first_ns, end_ns)
    if not any((words[:, L.KIND_WORD] >> L.ROW_SHIFT == 0).any() for words in found.values()):
        return np.zeros((0, L.EVENT_WORDS), np.int64)
    for words in found.values():
        _shift(words)
    return np.concatenate(list(found.values()))


def runs(files: list[list[Path]], first_ns: int = 0, end_ns: int = 2**62) -> dict[int, Words]:
    """Original events with monotonic times, by run of the market-data process; those of files[k] get row k."""
    found = []
    for row, paths in enumerate(files):
        frame = _read(paths, first_ns, end_ns)
        if frame is not None:
            columns = {
                name: frame[name].fill_null(L.NO_PRICE if name in PRICES_OR_NONE else 0).to_numpy()
                for name in frame.columns
            }
            found.append((columns["run"], columns["sequence"], words_of(columns, row)))
    if not found:
        return {}
    run, sequence, words = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((sequence, run))
    run, words = run[order], words[order]
    return {int(one): np.ascontiguousarray(words[run == one]) for one in np.unique(run)}


def _read(paths: list[Path], first_ns: int, end_ns: int) -> pl.DataFrame | None:
    if not paths:
        return None
    try:
        kind = pl.col("kind").cast(pl.String).cast(pl.Enum(L.KIND_NAMES)).to_physical()
        frame = (
            # files of an older version lack the columns of newer kinds
            pl.concat(
                [pl.scan_parquet(path, hive_partitioning=False).with_columns(kind) for path in paths], how="diagonal"
            )
            .filter(pl.col("wall_ns").is_between(first_ns, end_ns, closed="left"))
            .unique(("run", "sequence"), keep="any")  # after a crash, parts may exist beside the merged file
            .sort("run", "sequence")
            .drop("venue", strict=False)  # replays do not need it; older files lack it
            .collect()
        )
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{paths[0].parent}: {str(error).splitlines()[0]}") from None
    return None if frame.is_empty() else frame


def _shift(words: Words) -> None:
    """Shift the times of one run to the wall clock."""
    offset_ns = int(words[0, L.WALL_NS] - words[0, L.RECEIVED_NS]) // SLOW_NS * SLOW_NS
    words[:, L.RECEIVED_NS] += offset_ns
    image = words[:, L.KIND_WORD] & L.BYTE == L.KEYFRAME_END
    words[image, L.B] += offset_ns
    for n in range(MEMORY_TIMES):
        part, word = divmod(n, L.MEMORY_EVENT_WORDS)
        of_part = words[:, L.KIND_WORD] & (L.BYTE | L.BYTE << L.DETAIL_SHIFT) == L.MEMORY | part << L.DETAIL_SHIFT
        words[of_part, L.A + word] += offset_ns
    words[:, L.D] = np.where(image & (words[:, L.D] != 0), words[:, L.D] + offset_ns, words[:, L.D])
