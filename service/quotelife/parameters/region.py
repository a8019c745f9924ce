"""The file `parameters-in-force` in the run directory: `publish` in the recorder, `Published` where decisions are made.

    +-----------------------+ 0
    | head  HEAD_WORDS      |  magic, versions, sizes, origin, hash, generation, check
    +-----------------------+
    | table                 |  float64[rows, N_PARAMETERS], in the order of the board
    +-----------------------+

A file is never changed: a new version is a new file under the old name. Who has mapped the old one keeps it, so nobody
ever reads half of one and half of another. The check is that of the content, so that a file which something else has
written, or cut short, is not taken.
"""

import hashlib
import mmap
import os
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.parameters.table import sound
from quotelife.parameters.versions import InForce
from quotelife_models import hazard as H
from quotelife_models.schema import SCHEMA_VERSION

MAGIC = 0x51_4C_50_41_52_41_4D_31  # "QLPARAM1"
LAYOUT_VERSION = 1
HEAD_WORDS = 16
_WORD = 8
_MAGIC, _LAYOUT, _SCHEMA, _ROWS, _ROW_WORDS, _ORIGIN, _HASH, _GENERATION, _CHECK = range(9)


class PublishedError(Exception):
    """The file is not one that this process can use."""


class Taken(Struct, frozen=True):
    """A table float64[instruments, N_PARAMETERS] as it was published; not to be written."""

    table: NDArray[np.float64]
    hash: str
    generation: int


def publish(path: Path, version: InForce, origin: str) -> None:
    """Put a version in force, in place of the one before."""
    head = np.zeros(HEAD_WORDS, np.int64)
    rows, row_words = version.table.shape
    head[:_CHECK] = (
        *(MAGIC, LAYOUT_VERSION, SCHEMA_VERSION, rows, row_words),
        *(_word(origin), _word(version.hash), version.version.generation),
    )
    content = version.table.tobytes()
    head[_CHECK] = _check(head[:_CHECK].tobytes(), content)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(fresh, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, HEAD_WORDS * _WORD + len(content))  # a full /dev/shm is told now
        file.write(head.tobytes())
        file.write(content)
    os.replace(fresh, path)


def take(path: Path, rows: int, origin: str) -> Taken:
    """Map the file and look it through; PublishedError if it does not fit, OSError if it cannot be read.

    What takes time, the check of the content, is done without the interpreter lock.
    """
    with open(path, "rb") as file:
        # Every page at once: a decision must not wait for one.
        flags = mmap.MAP_PRIVATE | mmap.MAP_POPULATE
        memory = mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    size = HEAD_WORDS * _WORD + rows * H.N_PARAMETERS * _WORD
    if len(memory) != size:
        raise PublishedError(f"{path}: {len(memory)} bytes; {rows} instruments need {size}")
    head = np.frombuffer(memory, np.int64, HEAD_WORDS)
    expected = (MAGIC, LAYOUT_VERSION, SCHEMA_VERSION, rows, H.N_PARAMETERS)
    if tuple(head[:_ORIGIN]) != expected:
        raise PublishedError(f"{path}: (magic, layout, schema, rows, words) is {tuple(head[:_ORIGIN])}, not {expected}")
    if head[_ORIGIN] != _word(origin):
        raise PublishedError(f"{path}: learnt from other parameters than the configured ones")
    with memoryview(memory) as whole, whole[HEAD_WORDS * _WORD :] as content:
        if head[_CHECK] != _check(head[:_CHECK].tobytes(), content):
            raise PublishedError(f"{path}: its content is not what was written")
    table = np.frombuffer(memory, np.float64, offset=HEAD_WORDS * _WORD).reshape(rows, H.N_PARAMETERS)
    if not all(sound(row) for row in table):
        raise PublishedError(f"{path}: parameters that no kernel can use")
    return Taken(table, int(head[_HASH]).to_bytes(_WORD, "little", signed=True).hex(), int(head[_GENERATION]))


class Published:
    """Follows the file. `look` gives a version that is newer than the last one given."""

    def __init__(self, path: Path, rows: int, origin: str) -> None:
        self._path, self._rows, self._origin = path, rows, origin
        self._seen: tuple[int, int] | None = None  # inode and time: a later file may get the inode of an earlier one

    def look(self) -> Taken | None:
        """None if there is no file, or no other one; PublishedError once for each that cannot be used."""
        try:
            status = self._path.stat()
            seen = status.st_ino, status.st_mtime_ns
            if seen == self._seen:
                return None
            self._seen = seen
            return take(self._path, self._rows, self._origin)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise PublishedError(f"{self._path}: {error}") from None


def _word(digits: str) -> int:
    """The first 8 bytes of a hash, as they stand in the journal."""
    return int.from_bytes(bytes.fromhex(digits)[:_WORD], "little", signed=True)


def _check(head: bytes, content: bytes | memoryview) -> int:
    digest = hashlib.sha256(head)
    digest.update(content)
    return int.from_bytes(digest.digest()[:_WORD], "little", signed=True)
