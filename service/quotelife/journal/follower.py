"""Follows the journal across restarts of its reader and its writer."""

from collections.abc import Iterator
from pathlib import Path

from quotelife.journal.record import Record
from quotelife.journal.ring import JournalError, Reader


class JournalFollower:
    """Reads the journal at a path, which need not exist yet. `position` is where an earlier run has stopped."""

    def __init__(self, path: Path, position: tuple[int, int] | None = None) -> None:
        self._path, self._position = path, position
        self._reader: Reader | None = None
        self._inode = 0
        self._lost = 0  # in files that were replaced

    @property
    def position(self) -> tuple[int, int] | None:
        """(inode of the file, sequence number of the next record)."""
        return (self._inode, self._reader.position) if self._reader is not None else self._position

    def read(self) -> Iterator[Record]:
        """New records, oldest first. A file that was replaced is read to its end first, as its writer is gone."""
        if self._reader is not None:
            yield from self._reader.read()
        try:
            inode = self._path.stat().st_ino
            if self._reader is not None and inode == self._inode:
                return
            reader = Reader(self._path, from_start=True)
        except (OSError, JournalError):
            return  # there is none yet, or it is of a version that only another release reads
        if self._position is not None and self._reader is None and self._position[0] == inode:
            reader.position = min(self._position[1], reader.end)
        self._lost = self.lost
        self._reader, self._inode = reader, inode
        yield from reader.read()

    @property
    def waiting(self) -> int:
        """Records that can be read, unless the ring overwrites them first."""
        return self._reader.end - self._reader.position if self._reader is not None else 0

    @property
    def lost(self) -> int:
        """Records that were overwritten before they were read."""
        return self._lost + (self._reader.lost if self._reader is not None else 0)
