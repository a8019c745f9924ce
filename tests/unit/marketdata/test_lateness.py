"""Lateness of a venue's data, from the SendingTime of its messages."""

import numpy as np
import pytest

from quotelife.fix.encode import sending_time
from quotelife.marketdata import layout as M
from quotelife.marketdata.lateness import update_lateness

SECOND = 10**9
START = 1_767_225_600 * SECOND  # the venue's clock when the monotonic clock is at 0


class Line:
    """Messages with a time sent and a time read, both in seconds."""

    def __init__(self, decimals: int = 3) -> None:
        self.control, self._decimals = np.zeros(M.CONTROL_WORDS, np.int64), decimals

    def late(self, sent: float, read: float) -> float:
        whole, _, fraction = sending_time(START + round(sent * SECOND)).partition(".")
        self.note(f"{whole}.{fraction[: self._decimals]}" if self._decimals else whole, read)
        return int(self.control[M.LATE_NS]) / SECOND

    def note(self, text: str, read: float) -> None:
        buf = np.frombuffer(b"52=" + text.encode() + b"\x01", np.uint8).copy()
        update_lateness(buf, self.control, 3, len(buf) - 1, 1 + round(read * SECOND))


def test_quickest_message_is_in_time_whatever_the_clock_offset():
    for off in (-3600.0, 0.0, 7200.5):
        line = Line()
        assert line.late(0, off + 0.2) == 0
        assert line.late(1, off + 1.5) == pytest.approx(0.3, abs=0.001)
        assert line.late(2, off + 2.1) == 0
        assert line.late(3, off + 3.2) == pytest.approx(0.1, abs=0.001)


def test_clock_drift_is_tolerated_and_a_queue_stays_late():
    drifting, queue = Line(), Line()
    queue.late(0, 0)
    for second in range(3600):
        assert drifting.late(second * (1 - 1e-4), second) < 0.002
        late = queue.late(second, second + 2)
    assert late > 2 - 3602 / 5000 - 0.01


def test_whole_seconds_are_given_a_tolerance():
    line = Line(decimals=0)
    assert line.late(0.0, 0.01) == 0
    assert line.late(1.99, 2.0) == 0
    assert line.late(3.5, 5.2) == pytest.approx(1.2, abs=0.03)


@pytest.mark.parametrize("text", ["", "yesterday", "20260101 00:00:00.000", "20261301-00:00:00.000"])
def test_invalid_sending_time_is_ignored(text):
    line = Line()
    line.late(0, 0)
    line.late(1, 1.5)
    before = line.control.copy()
    line.note(text, 9)
    assert (line.control == before).all()
