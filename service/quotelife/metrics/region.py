"""The metrics of one process: an int64 array in a file of the run directory, written by that process only.

    +----------------+ 0
    | head  8 words  |  magic, version, words of JSON, words of values, writer pid, started (monotonic ns)
    +----------------+ 64
    | JSON           |  the series: family, labels, first word (padded to 64 bytes)
    +----------------+
    | values         |  int64: a counter or gauge takes one word, a histogram HISTOGRAM_WORDS
    +----------------+

The file describes its own contents. A new region is created beside the old file and renamed over it: a reader of the
old region can continue and detects the new one by its inode.
"""

import itertools
import mmap
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from quotelife.metrics.catalog import Family
from quotelife.metrics.histogram import HISTOGRAM_WORDS
from quotelife.runtime.clock import mono_ns

MAGIC = 0x51_4C_4D_45_54_52_49_43  # "QLMETRIC"
VERSION = 1
_HEAD_WORDS = 8
_MAGIC, _VERSION, _JSON_BYTES, _VALUES, _PID, _STARTED_NS = range(6)
_ALIGN = 64


class Series(NamedTuple):
    """One series: its family's name, its labels in the family's order, and its first word."""

    family: str
    labels: tuple[tuple[str, str], ...]
    word: int


class _Contents(msgspec.Struct):
    families: list[Family]
    series: list[Series]


class RegionError(Exception):
    """The file is not a metrics region of this version."""


class MetricsRegion:
    """`values` is the int64 array; `counter`, `gauge` and `histogram` return the index of a series' first word."""

    def __init__(self, path: Path, memory: mmap.mmap, contents: _Contents, head: NDArray[np.int64], first: int) -> None:
        self.path = path
        self.families = contents.families
        self.series = contents.series
        self.pid = int(head[_PID])
        self.started_ns = int(head[_STARTED_NS])
        self._memory = memory
        self.values: NDArray[np.int64] = np.frombuffer(memory, np.int64, int(head[_VALUES]), first)
        self._kinds = {f.name: f.kind for f in contents.families}
        self._words = {(s.family, frozenset(s.labels)): s.word for s in contents.series}

    @classmethod
    def create(cls, path: Path, families: Iterable[Family], **label_values: Sequence[str]) -> "MetricsRegion":
        """Create the region for `families`, replacing the file of an earlier writer.

        `label_values` are the values of the labels that the catalogue leaves open; KeyError if one is missing.
        """
        families = list(families)
        series, n_values = _lay_out(families, label_values)
        contents = msgspec.json.encode(_Contents(families, series))
        first = _aligned(_HEAD_WORDS * 8 + len(contents))
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with open(fresh, "w+b") as file:
            os.posix_fallocate(
                file.fileno(), 0, first + n_values * 8
            )  # a full /dev/shm fails here, not later with SIGBUS
            memory = mmap.mmap(file.fileno(), 0)
        head: NDArray[np.int64] = np.frombuffer(memory, np.int64, _HEAD_WORDS)
        head[:] = (MAGIC, VERSION, len(contents), n_values, os.getpid(), mono_ns(), 0, 0)
        memory[_HEAD_WORDS * 8 : _HEAD_WORDS * 8 + len(contents)] = contents
        os.replace(fresh, path)
        return cls(path, memory, _Contents(families, series), head, first)

    @classmethod
    def attach(cls, path: Path) -> "MetricsRegion":
        """A read-only view of a region; RegionError if the file is not one, OSError if it cannot be read."""
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < _HEAD_WORDS * 8:
                raise RegionError(f"{path}: not a metrics region")
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        head: NDArray[np.int64] = np.frombuffer(memory, np.int64, _HEAD_WORDS)
        if head[_MAGIC] != MAGIC or head[_VERSION] != VERSION:
            raise RegionError(f"{path}: not a metrics region of version {VERSION}")
        end = _HEAD_WORDS * 8 + int(head[_JSON_BYTES])
        contents = msgspec.json.decode(memory[_HEAD_WORDS * 8 : end], type=_Contents)
        return cls(path, memory, contents, head, _aligned(end))

    def counter(self, family: str, **labels: str) -> int:
        """Word of a counter; KeyError if there is no such series."""
        return self._word("counter", family, labels)

    def gauge(self, family: str, **labels: str) -> int:
        """Word of a gauge; KeyError if there is no such series."""
        return self._word("gauge", family, labels)

    def histogram(self, family: str, **labels: str) -> int:
        """First word of a histogram, for `quotelife.metrics.histogram.observe`; KeyError if there is no such series."""
        return self._word("histogram", family, labels)

    def _word(self, kind: str, family: str, labels: dict[str, str]) -> int:
        if self._kinds[family] != kind:
            raise KeyError(f"{family} is a {self._kinds[family]}, not a {kind}")
        return self._words[family, frozenset(labels.items())]


def _lay_out(families: list[Family], label_values: dict[str, Sequence[str]]) -> tuple[list[Series], int]:
    series, word = [], 0
    for family in families:
        names = [name for name, _ in family.labels]
        choices = [label_values[name] if values is None else values for name, values in family.labels]
        for labels in itertools.product(*choices):
            series.append(Series(family.name, tuple(zip(names, labels, strict=True)), word))
            word += HISTOGRAM_WORDS if family.kind == "histogram" else 1
    return series, word


def _aligned(n_bytes: int) -> int:
    return (n_bytes + _ALIGN - 1) // _ALIGN * _ALIGN
