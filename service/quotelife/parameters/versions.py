"""The versions of the parameters on disk, `<data>/parameters`: the recorder writes them, any process reads them.

    versions.jsonl     one line a version, newest last: what of each instrument differs from what is configured
    fits/<digest>.npy  rows that were fitted anew while the service ran, float64[N_PARAMETERS]

A version is the configured parameters, of some instruments a newer fit in their place, and of some a shift of the
log-odds (intercept and slope) on top. So a line is short, every version that is listed can be made again bit for bit,
and a quote of last week can still be explained.

What is in force is the last line. The desk has the last word: what was learnt of an instrument stands only as long as
the row that it was learnt from is the configured one. New files in `paths.parameters`, or another `parameters` of an
instrument, put an end to it, and [learning] enabled = false to all of it.
"""

import os
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError, resolve
from quotelife.config.paths import data_paths
from quotelife.parameters.table import adjusted, arrange, origin, row_digest, sound, table_hash
from quotelife_models.parameters import Parameters, ParametersError

Floats = NDArray[np.float64]
LISTED = 2_000  # versions that are kept on disk
CONFIGURED = "configured"


class Learnt(Struct, frozen=True, omit_defaults=True):
    """What of one instrument differs. `origin` is the digest of the configured row, `fit` that of the newer one."""

    symbol: str
    origin: str
    fit: str = ""
    intercept: float = 0.0
    slope: float = 1.0


class Version(Struct, frozen=True, omit_defaults=True):
    """A line of the file. `because` says in words why this version came, `loss` what it was judged by."""

    generation: int
    hash: str
    wall_ns: int
    because: str
    rows: tuple[Learnt, ...] = ()


class VersionTable(Struct, frozen=True):
    """A version with its table float64[instruments, N_PARAMETERS]."""

    version: Version
    table: Floats

    @property
    def hash(self) -> str:
        return self.version.hash


def load_configured(config: Config) -> Parameters:
    """The parameters that the configuration names; ConfigError if they cannot be used."""
    where = config.paths.parameters
    try:
        return Parameters.load(None if where is None else resolve(config, where))
    except ParametersError as error:
        raise ConfigError(Path(config.file), "paths.parameters", where, str(error)) from None


class Versions:
    """The versions of one configuration. Read by anyone, appended to by the recorder alone."""

    def __init__(self, config: Config, parameters: Parameters) -> None:
        self.folder = data_paths(config).parameters
        self.symbols = [i.symbol for i in config.instrument]
        self.configured = arrange(config, parameters)
        self.origin = origin(config, self.configured)
        self.origins = [row_digest(row) for row in self.configured]
        self._hash = parameters.hash
        self._enabled = config.learning.enabled

    @property
    def path(self) -> Path:
        return self.folder / "versions.jsonl"

    def active(self) -> VersionTable:
        """The last version as far as it still stands; what is configured if there is none."""
        listed = self.listed() if self._enabled else []
        last = listed[-1] if listed else Version(0, self._hash, 0, CONFIGURED)
        return self.make(last)

    def make(self, version: Version) -> VersionTable:
        """The table of a version, with what stands of it."""
        standing = tuple(learnt for learnt in version.rows if self._stands(learnt))
        table = self.configured.copy()
        for learnt in standing:
            row = self.symbols.index(learnt.symbol)
            base = self.fit(learnt.fit) if learnt.fit else table[row]
            assert base is not None
            table[row] = adjusted(base, learnt.intercept, learnt.slope)
        digest = table_hash(self._hash, table) if standing else self._hash
        return VersionTable(msgspec.structs.replace(version, hash=digest, rows=standing), table)

    def find(self, hash_: str) -> VersionTable | None:
        """The version with this hash, made again; None if it is not listed or can no longer be made."""
        if hash_ == self._hash:
            return VersionTable(Version(0, self._hash, 0, CONFIGURED), self.configured)
        for version in reversed(self.listed()):
            if version.hash == hash_:
                made = self.make(version)
                return made if made.hash == hash_ else None
        return None

    def listed(self) -> list[Version]:
        """Every line that can be read, oldest first; a line cut short by a crash is none."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError:
            return []
        versions = []
        for line in lines:
            try:
                versions.append(msgspec.json.decode(line, type=Version))
            except msgspec.DecodeError:
                continue
        return versions

    def fit(self, digest: str) -> Floats | None:
        """A row that was fitted anew; None if it is gone or is not what its name says."""
        try:
            row: Floats = np.load(self.folder / "fits" / f"{digest}.npy")
        except (OSError, ValueError):
            return None
        return row if sound(row) and row_digest(row) == digest else None

    def keep_fit(self, row: Floats) -> str:
        """Store a row; its digest."""
        digest = row_digest(row)
        folder = self.folder / "fits"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{digest}.part", "wb") as file:
            np.save(file, row)
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder / f"{digest}.part", folder / f"{digest}.npy")
        return digest

    def append(self, rows: tuple[Learnt, ...], wall_ns: int, because: str) -> VersionTable:
        """Put a new version in force: on disk when this returns."""
        listed = self.listed()
        generation = listed[-1].generation + 1 if listed else 1
        made = self.make(Version(generation, "", wall_ns, because, rows))
        if len(listed) >= LISTED:
            self._tidy(listed[-LISTED // 2 :])
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            # A line that a crash has cut short must not take this one with it.
            start = b"" if not file.tell() or _ends_with_newline(self.path) else b"\n"
            file.write(start + msgspec.json.encode(made.version) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return made

    def _stands(self, learnt: Learnt) -> bool:
        if learnt.symbol not in self.symbols:
            return False
        if self.origins[self.symbols.index(learnt.symbol)] != learnt.origin:
            return False
        return not learnt.fit or self.fit(learnt.fit) is not None

    def _tidy(self, kept: list[Version]) -> None:
        """Forget the oldest versions, and fits that no version names any more."""
        part = self.path.with_suffix(".part")
        part.write_bytes(b"".join(msgspec.json.encode(version) + b"\n" for version in kept))
        os.replace(part, self.path)
        named = {learnt.fit for version in kept for learnt in version.rows}
        for path in (self.folder / "fits").glob("*.npy"):
            if path.stem not in named:
                path.unlink()


def _ends_with_newline(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
