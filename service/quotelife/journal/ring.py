"""The journal ring: `Writer` in the quoting process, `Reader` anywhere else.

The writer never waits: a reader that falls more than a ring behind loses the oldest records, and is told how many.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numba import njit

from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.shm.layout import WORD_BYTES
from quotelife.shm.seqlock import acquire, release
from quotelife_models.schema import SCHEMA_VERSION


class JournalError(Exception):
    """The file is not a journal this version can use."""


@njit("int64(int64[::1], int64[:,::1], int64[::1])", cache=True, nogil=True)
def _append(header, slots, record):
    sequence = header[J.H_NEXT]
    slot = slots[sequence % slots.shape[0]]
    slot[J.SEQUENCE] = J.NO_RECORD
    release()
    for w in range(1, J.RECORD_WORDS):
        slot[w] = record[w]
    release()
    slot[J.SEQUENCE] = sequence
    release()
    header[J.H_NEXT] = sequence + 1
    return sequence


@njit("boolean(int64[:,::1], int64, int64[::1])", cache=True, nogil=True)
def _copy(slots, sequence, record):
    """Copy a record; False if it has been, or is being, overwritten."""
    slot = slots[sequence % slots.shape[0]]
    if slot[J.SEQUENCE] != sequence:
        return False
    acquire()
    for w in range(J.RECORD_WORDS):
        record[w] = slot[w]
    acquire()
    return slot[J.SEQUENCE] == sequence


class Writer:
    """Opens the journal to append; an existing one of the same layout and size is continued."""

    def __init__(self, path: str | Path, n_slots: int = 16_384) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _usable(path, n_slots):
            _make(path, n_slots)
        self._header, self._slots = _map(path)
        self._header[J.H_WRITER_PID] = os.getpid()

    def append(self, record: Record) -> int:
        """Publish a record; returns its sequence number."""
        return int(_append(self._header, self._slots, record.words))


class Reader:
    """Follows a journal. `position` is the sequence number it reads next, `lost` how many it was too slow for."""

    def __init__(self, path: str | Path, *, from_start: bool = False) -> None:
        self._header, self._slots = _map(Path(path))
        end = int(self._header[J.H_NEXT])
        self.position = max(end - len(self._slots), 0) if from_start else end
        self.lost = 0

    @property
    def end(self) -> int:
        """Sequence number of the record that will be written next."""
        return int(self._header[J.H_NEXT])

    def read(self) -> Iterator[Record]:
        """Everything there is now, oldest first, each in a record of its own."""
        end = int(self._header[J.H_NEXT])
        while self.position < end:
            record = Record()
            if _copy(self._slots, self.position, record.words):
                self.position += 1
                yield record
                continue
            end = int(self._header[J.H_NEXT])
            oldest = max(end - len(self._slots) + 1, self.position + 1)
            self.lost += oldest - self.position
            self.position = oldest


def _size(n_slots: int) -> int:
    return (J.HEADER_WORDS + n_slots * J.RECORD_WORDS) * WORD_BYTES


def _head(n_slots: int) -> tuple[int, ...]:
    return J.MAGIC, J.LAYOUT_VERSION, SCHEMA_VERSION, n_slots, J.RECORD_WORDS


def _usable(path: Path, n_slots: int) -> bool:
    try:
        raw = np.fromfile(path, np.int64, J.HEADER_WORDS)
    except FileNotFoundError:
        return False
    return tuple(raw[:5]) == _head(n_slots) and path.stat().st_size == _size(n_slots)


def _make(path: Path, n_slots: int) -> None:
    """A new, empty journal; one of another layout is kept beside it, with its version in the name."""
    if path.exists():
        os.replace(path, path.with_name(f"{path.name}.old"))
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with open(fresh, "wb") as file:
        header = np.zeros(J.HEADER_WORDS, np.int64)
        header[:5] = _head(n_slots)
        file.write(header.tobytes())
        file.truncate(_size(n_slots))
    slots = np.memmap(fresh, np.int64, "r+", J.HEADER_WORDS * WORD_BYTES, (n_slots, J.RECORD_WORDS))
    slots[:, J.SEQUENCE] = J.NO_RECORD
    slots.flush()
    os.replace(fresh, path)


def _map(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Header and slots of a journal; JournalError if there is none that can be read."""
    try:
        with open(path, "r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
    except (OSError, ValueError) as error:
        raise JournalError(f"{path}: {error}") from None
    words = np.frombuffer(memory, np.int64)
    n_slots = int(words[J.H_SLOTS]) if len(words) >= J.HEADER_WORDS else 0
    if n_slots < 1 or tuple(words[:5]) != _head(n_slots) or len(memory) != _size(n_slots):
        raise JournalError(f"{path}: not a journal of layout {J.LAYOUT_VERSION} and schema {SCHEMA_VERSION}")
    return words[: J.HEADER_WORDS], words[J.HEADER_WORDS :].reshape(n_slots, J.RECORD_WORDS)
