"""What the supervisor finds out about the machine at each scrape: its clock, the disks, and which program runs."""

import ctypes
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from quotelife.admin.collectors import BooksCollector
from quotelife.market.board import layout as L
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife_models.schema import SCHEMA_VERSION

_ENGINES = ("quickfix", "quickfix-tls")  # distributions of the FIX engine
_STA_NANO = 0x2000  # adjtimex: the offset is in nanoseconds
_TIME_ERROR = 5
_US_PER_S = 1e6


class _Timex(ctypes.Structure):
    """The beginning of Linux' struct timex; the kernel fills more than is read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


class ClockCollector(Collector):
    """The wall clock, which is what clients read ValidUntilTime by: what the kernel knows, and what the venues say."""

    def __init__(self, books: BooksCollector) -> None:
        self._books = books

    def collect(self) -> Iterator[Metric]:
        timex = _Timex()
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))  # modes 0: it only reads
        if state >= 0:
            per_s = NS_PER_S if timex.status & _STA_NANO else _US_PER_S
            yield GaugeMetricFamily(
                "quotelife_clock_synchronised", "1 while NTP keeps the clock.", value=int(state != _TIME_ERROR)
            )
            yield GaugeMetricFamily(
                "quotelife_clock_offset_seconds", "What NTP has yet to take from the clock.", value=timex.offset / per_s
            )
            yield GaugeMetricFamily(
                "quotelife_clock_max_error_seconds", "The clock's greatest error.", value=timex.maxerror / _US_PER_S
            )
        lags = GaugeMetricFamily(
            "quotelife_venue_time_lag_seconds",
            "Our time at the receipt of the venue's last data, less the time on it: the way, and how far our clock is "
            "ahead; below 0 it is behind.",
            labels=["venue"],
        )
        for venue, lag_ns in self._lags():
            lags.add_metric([self._books.venues[venue]], lag_ns / NS_PER_S)
        yield lags

    def _lags(self) -> Iterator[tuple[int, int]]:
        """The row of each venue that was written last, and its lag."""
        rows = self._books.rows()
        if rows is None:
            return
        wall_less_mono_ns = wall_ns() - mono_ns()
        for venue in range(len(self._books.venues)):
            timed = np.flatnonzero((rows[:, L.VENUE] == venue) & (rows[:, L.EXCHANGE_WALL_NS] > 0))
            if len(timed):
                newest = rows[timed[np.argmax(rows[timed, L.LAST_EVENT_NS])]]
                yield venue, int(newest[L.LAST_EVENT_NS]) + wall_less_mono_ns - int(newest[L.EXCHANGE_WALL_NS])


class DisksCollector(Collector):
    """Room in the folders that are written to, by what they are for."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders

    def collect(self) -> Iterator[Metric]:
        free = GaugeMetricFamily("quotelife_disk_free_bytes", "Room left where the folder is.", labels=["folder"])
        size = GaugeMetricFamily("quotelife_disk_size_bytes", "All room where the folder is.", labels=["folder"])
        for name, folder in self._folders.items():
            try:
                usage = shutil.disk_usage(folder)
            except OSError:
                continue  # not made yet
            free.add_metric([name], usage.free)
            size.add_metric([name], usage.total)
        yield free
        yield size


class BuildCollector(Collector):
    """What runs: constant, but read by whoever compares two machines."""

    def __init__(self) -> None:
        self._labels = {
            "version": version("quotelife"),
            "python": platform.python_version(),
            "engine": _engine(),
            "numba": version("numba"),
            "schema": str(SCHEMA_VERSION),
        }

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("quotelife_build", "Versions of what runs.", value=self._labels)


def _engine() -> str:
    for name in _ENGINES:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return "none"
