"""The file `clients` in the run directory: `Publisher` in the recorder, `Published` in the quoting process."""

import hashlib
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quotelife.ledger import client_layout as L
from quotelife.shm.layout import WORD_BYTES
from quotelife.shm.seqlock import acquire, release

_TRIES = 1_000


class PublishedError(Exception):
    """The file is not one that this version can use."""


@njit("void(int64[::1], float64[::1])", cache=True, nogil=True)
def _write(words, row):
    words[L.VERSION] += 1
    release()
    floats = words.view(np.float64)
    for w in range(1, L.ROW_WORDS):
        floats[w] = row[w]
    release()
    words[L.VERSION] += 1


@njit("int64(int64[::1], float64[::1])", cache=True, nogil=True)
def _read(words, row):
    """Copy a row; its version, or -1 if the writer was inside it every time."""
    floats = words.view(np.float64)
    for _ in range(_TRIES):
        version = words[L.VERSION]
        acquire()
        if version & 1:
            continue
        for w in range(1, L.ROW_WORDS):
            row[w] = floats[w]
        acquire()
        if words[L.VERSION] == version:
            return version
    return -1


class Publisher:
    """Makes the file, its rows filled from the start, in place of an older one. The only writer."""

    def __init__(self, path: str | Path, names: Sequence[str], rows: NDArray[np.float64]) -> None:
        path = Path(path)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with open(fresh, "w+b") as file:
            os.posix_fallocate(file.fileno(), 0, _size(len(names)))  # a full /dev/shm is told now, not by SIGBUS
            memory = mmap.mmap(file.fileno(), 0)
        header, self._rows = _arrays(memory, len(names))
        header[: L.H_NAMES + 1] = _head(names)
        header[L.H_WRITER_PID] = os.getpid()
        for client, row in enumerate(rows):
            self.write(client, row)
        os.replace(fresh, path)

    def write(self, client: int, row: NDArray[np.float64]) -> None:
        """Publish the row float64[ROW_WORDS] of a client."""
        _write(self._rows[client], row)


class Published:
    """A view of the file. `changes` gives each row that is another one since the last call, the first time all."""

    def __init__(self, rows: NDArray[np.int64], inode: int) -> None:
        self.inode = inode
        self._rows = rows
        self._seen = np.full(len(rows), -1)

    @classmethod
    def attach(cls, path: str | Path, names: Sequence[str]) -> "Published":
        """Map the file of the clients with these names; PublishedError if there is none that fits."""
        try:
            with open(path, "r+b") as file:  # not for writing: Numba's signatures want one kind of array
                memory = mmap.mmap(file.fileno(), 0)
                inode = os.fstat(file.fileno()).st_ino
        except (OSError, ValueError) as error:
            raise PublishedError(f"{path}: {error}") from None
        found = tuple(np.frombuffer(memory, np.int64, min(L.H_NAMES + 1, len(memory) // WORD_BYTES)))
        if found != _head(names) or len(memory) != _size(len(names)):
            raise PublishedError(f"{path}: not statistics of layout {L.LAYOUT_VERSION} of the {len(names)} clients")
        return cls(_arrays(memory, len(names))[1], inode)

    def changes(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """(client, row float64[ROW_WORDS]) of the rows that have changed."""
        for client in np.flatnonzero(self._rows[:, L.VERSION] != self._seen):
            row = np.zeros(L.ROW_WORDS)
            version = _read(self._rows[client], row)
            if version >= 0:
                self._seen[client] = version
                yield int(client), row


def _size(n_clients: int) -> int:
    return (L.HEADER_WORDS + n_clients * L.ROW_WORDS) * WORD_BYTES


def _head(names: Sequence[str]) -> tuple[int, ...]:
    digest = int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:8], "little", signed=True)
    return L.MAGIC, L.LAYOUT_VERSION, len(names), L.ROW_WORDS, digest


def _arrays(memory: mmap.mmap, n_clients: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    words = np.frombuffer(memory, np.int64)
    return words[: L.HEADER_WORDS], words[L.HEADER_WORDS :].reshape(n_clients, L.ROW_WORDS)
