"""Follows the journal across restarts of its reader and its writer."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from quotelife.journal.record import Record
from quotelife.journal.ring import Reader
from quotelife.shm.region import Follower, RegionError


class JournalFollower:
    """Reads the journal at a path, which need not exist yet. `position` is where an earlier run has stopped."""

    def __init__(self, path: Path, position: tuple[int, int] | None = None) -> None:
        self._files, self._position = Follower(path, partial(Reader, from_start=True)), position
        self._reader: Reader | None = None
        self._lost = 0  # in files that were replaced

    @property
    def position(self) -> tuple[int, int] | None:
        """(inode of the file, sequence number of the next record)."""
        return (self._reader.inode, self._reader.position) if self._reader is not None else self._position

    def read(self) -> Iterator[Record]:
        """New records, oldest first. A file that was replaced is read to its end first, as its writer is gone."""
        if self._reader is not None:
            yield from self._reader.read()
        try:
            reader = self._files.poll()
        except RegionError:
            return  # it is of a version that only another release reads
        if reader is None or reader is self._reader:
            return
        if self._position is not None and self._reader is None and self._position[0] == reader.inode:
            reader.position = min(self._position[1], reader.end)
        self._lost = self.lost
        self._reader = reader
        yield from reader.read()

    @property
    def waiting(self) -> int:
        """Records that can be read, unless the ring overwrites them first."""
        return self._reader.end - self._reader.position if self._reader is not None else 0

    @property
    def lost(self) -> int:
        """Records that were overwritten before they were read."""
        return self._lost + (self._reader.lost if self._reader is not None else 0)
