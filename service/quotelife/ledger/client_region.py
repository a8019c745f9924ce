"""The clients' statistics in shared memory: written by the recorder, read where decisions are made."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quotelife.ledger import client_layout as L
from quotelife.shm.region import Format, Region, Words
from quotelife.shm.seqlock import begin_write, end_write, is_unchanged, stable_version

FORMAT = Format(
    "client statistics file",
    L.HEADER,
    {"magic": L.MAGIC, "layout_version": L.LAYOUT_VERSION, "row_words": L.ROW_WORDS},
    lambda header: L.HEADER_WORDS + int(header[L.H_CLIENTS]) * L.ROW_WORDS,
)
_TRIES = 1_000


@njit("void(int64[::1], float64[::1])", cache=True, nogil=True)
def _write(words, row):
    begin_write(words)
    floats = words.view(np.float64)
    for w in range(1, L.ROW_WORDS):
        floats[w] = row[w]
    end_write(words)


@njit("int64(int64[::1], float64[::1])", cache=True, nogil=True)
def _read(words, row):
    """Copy a row; its version, or -1 if the writer was inside it every time."""
    floats = words.view(np.float64)
    for _ in range(_TRIES):
        version = stable_version(words)
        if version < 0:
            return -1
        for w in range(1, L.ROW_WORDS):
            row[w] = floats[w]
        if is_unchanged(words, version):
            return version
    return -1


class ClientRegionWriter:
    """Creates the file, its rows filled from the start, in place of an older one. The only writer."""

    def __init__(self, path: str | Path, names: Sequence[str], rows: NDArray[np.float64]) -> None:
        """OSError if there is no room."""
        with Region.create(path, FORMAT, {"clients": len(names), "names": _digest(names)}) as region:
            self._rows = _rows(region)
            for client, row in enumerate(rows):
                self.write(client, row)

    def write(self, client: int, row: NDArray[np.float64]) -> None:
        """Replace the row float64[ROW_WORDS] of a client."""
        _write(self._rows[client], row)


class ClientRegionReader:
    """A view of the file. `changes` yields each row that has changed since the last call, the first time all."""

    def __init__(self, region: Region) -> None:
        self.inode = region.inode
        self._rows = _rows(region)
        self._versions = np.full(len(self._rows), -1)  # of the rows as read last

    @classmethod
    def attach(cls, path: str | Path, names: Sequence[str]) -> "ClientRegionReader":
        """Map the file of the clients with these names; RegionError if it cannot be used."""
        return cls(Region.attach(path, FORMAT, {"clients": len(names), "names": _digest(names)}))

    def changes(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """(client, row float64[ROW_WORDS]) of the rows that have changed."""
        for client in np.flatnonzero(self._rows[:, L.VERSION] != self._versions):
            row = np.zeros(L.ROW_WORDS)
            version = _read(self._rows[client], row)
            if version >= 0:
                self._versions[client] = version
                yield int(client), row


def _digest(names: Sequence[str]) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:8], "little", signed=True)


def _rows(region: Region) -> Words:
    return region.words[L.HEADER_WORDS :].reshape(-1, L.ROW_WORDS)
