"""The active parameters in shared memory: written by the recorder, mapped by every process that decides.

    +-----------------------+ 0
    | header HEADER_WORDS   |  magic, versions, sizes, origin, hash, generation, check
    +-----------------------+
    | table                 |  float64[rows, N_PARAMETERS], in the order of the board
    +-----------------------+

A file is never changed: a new version is a new file under the same name. A process that has mapped the old one keeps
it, so no reader mixes two versions. The check is a digest of the content: a file that was cut short or written by
something else is refused.
"""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.parameters.table import is_usable
from quotelife.parameters.versions import VersionTable
from quotelife.shm.layout import WORD_BYTES, Layout
from quotelife.shm.region import Follower, Format, Region, RegionError
from quotelife_models import hazard as H
from quotelife_models.schema import SCHEMA_VERSION

MAGIC = 0x51_4C_50_41_52_41_4D_31  # "QLPARAM1"
LAYOUT_VERSION = 1

HEADER = Layout()
H_MAGIC = HEADER.int64("magic")
H_LAYOUT_VERSION = HEADER.int64("layout_version")
H_SCHEMA_VERSION = HEADER.int64("schema_version")
H_ROWS = HEADER.int64("rows")
H_ROW_WORDS = HEADER.int64("row_words")
H_ORIGIN = HEADER.int64("origin")  # first 8 bytes of a hash, see `quotelife.parameters.table.origin`
H_HASH = HEADER.int64("hash")  # of the parameters, as in the journal
H_GENERATION = HEADER.int64("generation")
H_CHECK = HEADER.int64("check")  # of the header before it and of the table
HEADER_WORDS = HEADER.size()

FORMAT = Format(
    "parameters file",
    HEADER,
    {
        "magic": MAGIC,
        "layout_version": LAYOUT_VERSION,
        "schema_version": SCHEMA_VERSION,
        "row_words": H.N_PARAMETERS,
    },
    lambda header: HEADER_WORDS + int(header[H_ROWS]) * H.N_PARAMETERS,
)


class ActiveParameters(Struct, frozen=True):
    """The parameters to decide with: `table` float64[instruments, N_PARAMETERS], not to be written."""

    table: NDArray[np.float64]
    hash: str
    generation: int


def activate_parameters(path: Path, version: VersionTable, origin: str) -> None:
    """Make a version the active one. OSError if there is no room."""
    header = {
        "rows": len(version.table),
        "origin": _word(origin),
        "hash": _word(version.hash),
        "generation": version.version.generation,
    }
    with Region.create(path, FORMAT, header) as region:
        region.words[HEADER_WORDS:] = version.table.view(np.int64).ravel()
        region.words[H_CHECK] = _check(region)


def read_parameters(region: Region) -> ActiveParameters:
    """The parameters in a mapped file; RegionError if its content is damaged or cannot be used.

    The digest, which takes most of the time, is computed without the interpreter lock.
    """
    words = region.words
    if words[H_CHECK] != _check(region):
        raise RegionError(region.path, "check does not match the content")
    table = words[HEADER_WORDS:].view(np.float64).reshape(-1, H.N_PARAMETERS)
    if not all(is_usable(row) for row in table):
        raise RegionError(region.path, "parameters that no kernel can use")
    hash_ = int(words[H_HASH]).to_bytes(WORD_BYTES, "little", signed=True).hex()
    return ActiveParameters(table, hash_, int(words[H_GENERATION]))


class ParametersFile:
    """Follows the file of the active parameters, for `rows` instruments and learnt from `origin`."""

    def __init__(self, path: Path, rows: int, origin: str) -> None:
        # Every page at once: a decision must not wait for one.
        expected = {"rows": rows, "origin": _word(origin)}
        attach = partial(Region.attach, form=FORMAT, expected=expected, populate=True)
        self._follower = Follower(path, attach)
        self._read: Region | None = None

    def poll(self) -> ActiveParameters | None:
        """The version in a file that was not read before; None if there is no new file. RegionError if it cannot be
        used."""
        region = self._follower.poll()
        if region is None or region is self._read:
            return None
        self._read = region
        return read_parameters(region)


def _word(digits: str) -> int:
    """The first 8 bytes of a hash, as they stand in the journal."""
    return int.from_bytes(bytes.fromhex(digits)[:WORD_BYTES], "little", signed=True)


def _check(region: Region) -> int:
    digest = hashlib.sha256(region.words[:H_CHECK].tobytes())
    digest.update(region.words[HEADER_WORDS:].data)
    return int.from_bytes(digest.digest()[:WORD_BYTES], "little", signed=True)
