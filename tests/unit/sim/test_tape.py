"""The market tape and what is read from it."""

from pathlib import Path

import numpy as np
import pytest

from quotelife.shm.region import RegionError
from quotelife_sim.venue.history import History
from quotelife_sim.venue.tape import Tape, TapeFull


def history(*rows: tuple[int, int, int]) -> History:
    return History(np.array([(t, 0, bid, ask) for t, bid, ask in rows], np.int64).reshape(-1, 4))


def test_reader_sees_appended_rows(tmp_path: Path) -> None:
    writer = Tape.create(tmp_path / "tape", capacity=8)
    reader = Tape.attach(tmp_path / "tape")
    writer.append(5, 0, 100, 101)
    writer.append(6, 1, 200, 202)
    assert reader.count == 2
    first, second = reader.histories(2)
    assert (first.ns.tolist(), first.bid.tolist(), first.ask.tolist()) == ([5], [100], [101])
    assert second.top(6) == (200, 202)


def test_full_tape_raises(tmp_path: Path) -> None:
    tape = Tape.create(tmp_path / "tape", capacity=1)
    tape.append(1, 0, 1, 2)
    with pytest.raises(TapeFull):
        tape.append(2, 0, 1, 2)
    assert tape.count == 1


def test_file_that_is_no_tape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tape").write_bytes(bytes(4096))
    with pytest.raises(RegionError, match="not a market tape"):
        Tape.attach(tmp_path / "tape")


def test_top_is_the_latest_at_the_time() -> None:
    market = history((10, 100, 102), (20, 101, 103), (30, 0, 103))
    assert market.top(9) is None
    assert market.top(10) == (100, 102)
    assert market.top(25) == (101, 103)
    assert market.mid(25) == 102.0
    assert market.top(30) is None  # one-sided


@pytest.mark.parametrize(
    ("buys", "price", "from_ns", "until_ns", "found"),
    [
        (True, 102, 10, 40, 30),  # the best bid reaches the offer
        (True, 102, 10, 29, None),
        (True, 102, 35, 40, 35),  # already through at the start
        (True, 103, 10, 40, None),
        (False, 101, 10, 60, 50),  # the best offer falls to the bid
        (False, 100, 10, 60, None),
    ],
)
def test_through(buys: bool, price: float, from_ns: int, until_ns: int, found: int | None) -> None:
    market = history((10, 100, 103), (30, 102, 104), (50, 99, 101))
    assert market.through(buys, price, from_ns, until_ns) == found


def test_an_empty_side_is_never_through() -> None:
    market = history((10, 0, 0))
    assert market.through(True, 0.0, 10, 20) is None
    assert market.through(False, 50.0, 10, 20) is None
