"""Prometheus collectors for the machine: clock, disks and build information."""

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
    """The beginning of Linux' struct timex; `rest` covers the fields that are not read."""

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
    """The wall clock, the reference for ValidUntilTime: the kernel's NTP state, and the delay against each venue."""

    def __init__(self, books: BooksCollector) -> None:
        self._books = books

    def collect(self) -> Iterator[Metric]:
        timex = _Timex()
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))  # modes 0: read only
        if state >= 0:
            per_s = NS_PER_S if timex.status & _STA_NANO else _US_PER_S
            yield GaugeMetricFamily(
                "quotelife_clock_synchronised", "1 while NTP synchronises the clock.", value=int(state != _TIME_ERROR)
            )
            yield GaugeMetricFamily(
                "quotelife_clock_offset_seconds",
                "Clock offset that NTP has yet to correct.",
                value=timex.offset / per_s,
            )
            yield GaugeMetricFamily(
                "quotelife_clock_max_error_seconds", "Maximum error of the clock.", value=timex.maxerror / _US_PER_S
            )
        lags = GaugeMetricFamily(
            "quotelife_venue_time_lag_seconds",
            "Receive time of the venue's last data minus its time stamp: network delay plus clock offset; below 0 the "
            "local clock is behind.",
            labels=["venue"],
        )
        for venue, lag_ns in self._lags():
            lags.add_metric([self._books.venues[venue]], lag_ns / NS_PER_S)
        yield lags

    def _lags(self) -> Iterator[tuple[int, int]]:
        """(venue, lag in ns) from the most recently written row of each venue."""
        rows = self._books.venue_rows()
        if rows is None:
            return
        wall_less_mono_ns = wall_ns() - mono_ns()
        for venue in range(len(self._books.venues)):
            timed = np.flatnonzero((rows[:, L.VENUE] == venue) & (rows[:, L.EXCHANGE_WALL_NS] > 0))
            if len(timed):
                newest = rows[timed[np.argmax(rows[timed, L.LAST_EVENT_NS])]]
                yield venue, int(newest[L.LAST_EVENT_NS]) + wall_less_mono_ns - int(newest[L.EXCHANGE_WALL_NS])


class DisksCollector(Collector):
    """Disk space of the folders that the service writes to, by purpose."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self._folders = folders

    def collect(self) -> Iterator[Metric]:
        free = GaugeMetricFamily("quotelife_disk_free_bytes", "Free space on the folder's disk.", labels=["folder"])
        size = GaugeMetricFamily("quotelife_disk_size_bytes", "Size of the folder's disk.", labels=["folder"])
        for name, folder in self._folders.items():
            try:
                usage = shutil.disk_usage(folder)
            except OSError:
                continue  # not created yet
            free.add_metric([name], usage.free)
            size.add_metric([name], usage.total)
        yield free
        yield size


class BuildCollector(Collector):
    """Versions of the service and its main dependencies; constant."""

    def __init__(self) -> None:
        self._labels = {
            "version": version("quotelife"),
            "python": platform.python_version(),
            "engine": _engine(),
            "numba": version("numba"),
            "schema": str(SCHEMA_VERSION),
        }

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "quotelife_build", "Versions of the service and its main dependencies.", value=self._labels
        )


def _engine() -> str:
    for name in _ENGINES:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return "none"
