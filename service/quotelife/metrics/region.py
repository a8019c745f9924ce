"""Metrics of one process: an int64 array in a file of the run directory, written only by that process.

    +----------------+ 0
    | header 8 words |  magic, version, bytes of JSON, words of values, writer pid, start
    +----------------+ 64
    | JSON           |  the series: family, labels, first word (padded to 64 bytes)
    +----------------+
    | values         |  int64: a counter or gauge takes one word, a histogram HISTOGRAM_WORDS
    +----------------+

The file describes its own content: a reader needs no catalogue.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from quotelife.metrics.family import Family
from quotelife.metrics.histogram import HISTOGRAM_WORDS
from quotelife.runtime.clock import mono_ns
from quotelife.shm.layout import LINE_WORDS, WORD_BYTES, Layout
from quotelife.shm.region import Format, Region, RegionError

MAGIC = 0x51_4C_4D_45_54_52_49_43  # "QLMETRIC"
LAYOUT_VERSION = 1

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_JSON_BYTES = HEADER.int64("json_bytes")
H_VALUES = HEADER.int64("values")
H_WRITER_PID = HEADER.int64("writer_pid")
H_STARTED_NS = HEADER.int64("started_ns")  # monotonic
HEADER_WORDS = HEADER.size()
_JSON_AT = HEADER_WORDS * WORD_BYTES


def _first_value(json_bytes: int) -> int:
    """First word of the values, at the start of a cache line."""
    lines = -(-json_bytes // (LINE_WORDS * WORD_BYTES))
    return HEADER_WORDS + lines * LINE_WORDS


FORMAT = Format(
    "metrics region",
    HEADER,
    {"magic": MAGIC, "layout_version": LAYOUT_VERSION},
    lambda header: _first_value(int(header[H_JSON_BYTES])) + int(header[H_VALUES]),
)


class Series(NamedTuple):
    """One series: its family's name, its labels in the family's order, and its first word."""

    family: str
    labels: tuple[tuple[str, str], ...]
    word: int


class _Contents(msgspec.Struct):
    families: list[Family]
    series: list[Series]


class MetricsRegion:
    """`values` is the int64 array; `counter`, `gauge` and `histogram` return the index of a series' first word."""

    def __init__(
        self, region: Region, contents: _Contents, label_values: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        words = region.words
        self.path = region.path
        self._label_values = dict(label_values or {})
        self.inode = region.inode
        self.families = contents.families
        self.series = contents.series
        self.pid = int(words[H_WRITER_PID])
        self.started_ns = int(words[H_STARTED_NS])
        self.values: NDArray[np.int64] = words[_first_value(int(words[H_JSON_BYTES])) :]
        self._kinds = {f.name: f.kind for f in contents.families}
        self._words = {(s.family, frozenset(s.labels)): s.word for s in contents.series}

    @classmethod
    def create(cls, path: Path, families: Iterable[Family], **label_values: Sequence[str]) -> "MetricsRegion":
        """Create the region for `families`, replacing the file of an earlier writer.

        `label_values` are the values of the labels without values in the catalogue; KeyError if one is missing.
        OSError if there is no room.
        """
        families = list(families)
        series, n_values = _arrange_series(families, label_values)
        contents = _Contents(families, series)
        text = msgspec.json.encode(contents)
        header = {"json_bytes": len(text), "values": n_values, "started_ns": mono_ns()}
        with Region.create(path, FORMAT, header) as region:
            region.memory[_JSON_AT : _JSON_AT + len(text)] = text
            return cls(region, contents, label_values)

    def extended(self, **label_values: Sequence[str]) -> "MetricsRegion":
        """A region with more values of some labels, which replaces the file; every series keeps its word and its value.

        `label_values` as for `create`, the earlier values among them. For the writer. OSError if there is no room.
        """
        label_values = {**self._label_values, **label_values}
        known, wanted = set(self._words), _arrange_series(self.families, label_values)[0]
        word = len(self.values)
        series = list(self.series)
        for each in wanted:
            if (each.family, frozenset(each.labels)) not in known:
                series.append(each._replace(word=word))
                word += HISTOGRAM_WORDS if self._kinds[each.family] == "histogram" else 1
        contents = _Contents(self.families, series)
        text = msgspec.json.encode(contents)
        header = {"json_bytes": len(text), "values": word, "started_ns": self.started_ns}
        with Region.create(self.path, FORMAT, header) as region:
            region.memory[_JSON_AT : _JSON_AT + len(text)] = text
            larger = MetricsRegion(region, contents, label_values)
            larger.values[: len(self.values)] = self.values
            return larger

    @classmethod
    def attach(cls, path: Path) -> "MetricsRegion":
        """A read-only view of a region; RegionError if the file cannot be used."""
        region = Region.attach(path, FORMAT, writable=False)
        text = region.memory[_JSON_AT : _JSON_AT + int(region.words[H_JSON_BYTES])]
        try:
            return cls(region, msgspec.json.decode(text, type=_Contents))
        except msgspec.DecodeError as error:
            raise RegionError(path, f"the description of its series cannot be read: {error}") from None

    def counter(self, family: str, **labels: str) -> int:
        """Word of a counter; KeyError for an unknown series."""
        return self._word("counter", family, labels)

    def gauge(self, family: str, **labels: str) -> int:
        """Word of a gauge; KeyError for an unknown series."""
        return self._word("gauge", family, labels)

    def histogram(self, family: str, **labels: str) -> int:
        """First word of a histogram, for `quotelife.metrics.histogram.observe`; KeyError for an unknown series."""
        return self._word("histogram", family, labels)

    def _word(self, kind: str, family: str, labels: dict[str, str]) -> int:
        if self._kinds[family] != kind:
            raise KeyError(f"{family} is a {self._kinds[family]}, not a {kind}")
        return self._words[family, frozenset(labels.items())]


def _arrange_series(families: list[Family], label_values: dict[str, Sequence[str]]) -> tuple[list[Series], int]:
    series, word = [], 0
    for family in families:
        names = [name for name, _ in family.labels]
        choices = [label_values[name] if values is None else values for name, values in family.labels]
        for labels in itertools.product(*choices):
            series.append(Series(family.name, tuple(zip(names, labels, strict=True)), word))
            word += HISTOGRAM_WORDS if family.kind == "histogram" else 1
    return series, word
