"""The journal ring: `Writer` in the quoting process, `Reader` anywhere else.

The writer never waits: a reader that falls more than a ring behind loses the oldest records, and is told how many.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numba import njit

from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.shm.arrays import address_of
from quotelife.shm.layout import WORD_BYTES
from quotelife.shm.region import Format, Region, RegionError, Words
from quotelife.shm.seqlock import acquire, release
from quotelife_models.schema import SCHEMA_VERSION

FORMAT = Format(
    "journal",
    J.HEADER,
    {
        "magic": J.MAGIC,
        "layout_version": J.LAYOUT_VERSION,
        "schema_version": SCHEMA_VERSION,
        "record_words": J.RECORD_WORDS,
    },
    lambda header: J.HEADER_WORDS + max(int(header[J.H_SLOTS]), 1) * J.RECORD_WORDS,
)


@njit("int64(int64[::1], int64[:,::1], int64[::1])", cache=True, nogil=True, _nrt=False)
def append(header, slots, record):
    """Publish a record; returns its sequence number. One writer at a time."""
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
        """RegionError or OSError if it can be neither continued nor created."""
        path = Path(path)
        try:
            region = Region.attach(path, FORMAT, {"slots": n_slots})
        except RegionError as error:
            if isinstance(error.__cause__, OSError) and path.exists():
                raise  # it may be one to continue
            region = _create(path, n_slots)
        self._header, self._slots = _split(region)
        self._header[J.H_WRITER_PID] = os.getpid()

    def append(self, record: Record) -> int:
        """Publish a record; returns its sequence number."""
        return int(append(self._header, self._slots, record.words))

    @property
    def addresses(self) -> tuple[int, int, int]:
        """Of header and slots, and the number of slots: for a kernel that appends."""
        header, slots = (address_of(words, np.int64, "journal") for words in (self._header, self._slots))
        return header, slots, len(self._slots)


class Reader:
    """Follows a journal. `position` is the sequence number it reads next, `lost` how many it was too slow for."""

    def __init__(self, path: str | Path, *, from_start: bool = False) -> None:
        region = Region.attach(path, FORMAT)
        self._header, self._slots = _split(region)
        self.inode = region.inode
        end = int(self._header[J.H_NEXT])
        self.position = max(end - len(self._slots), 0) if from_start else end
        self.lost = 0

    @property
    def end(self) -> int:
        """Sequence number of the record that will be written next."""
        return int(self._header[J.H_NEXT])

    def of_quote(self, quote_id: str) -> list[Record]:
        """The records of a quote that the ring still has, oldest first."""
        size = J.QUOTE_ID_WORDS * WORD_BYTES
        words = np.frombuffer(quote_id.encode("utf-8", "replace")[:size].ljust(size, b"\0"), np.int64)
        slots = self._slots
        at = np.flatnonzero((slots[:, J.QUOTE_ID : J.QUOTE_ID + J.QUOTE_ID_WORDS] == words).all(axis=1))
        found = []
        for sequence in sorted(slots[at, J.SEQUENCE].tolist()):
            record = Record()
            if sequence != J.NO_RECORD and _copy(slots, sequence, record.words) and record.quote_id == quote_id:
                found.append(record)
        return found

    def read(self) -> Iterator[Record]:
        """All records not read yet, oldest first, each in a record of its own."""
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


def _create(path: Path, n_slots: int) -> Region:
    """A new, empty journal; one of another layout is kept beside it."""
    if path.exists():
        os.replace(path, path.with_name(f"{path.name}.old"))
    with Region.create(path, FORMAT, {"slots": n_slots}) as region:
        _, slots = _split(region)
        slots[:, J.SEQUENCE] = J.NO_RECORD
        region.memory.flush()
        return region


def _split(region: Region) -> tuple[Words, Words]:
    """Header and slots."""
    words = region.words
    return words[: J.HEADER_WORDS], words[J.HEADER_WORDS :].reshape(-1, J.RECORD_WORDS)
