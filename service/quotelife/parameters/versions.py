"""The versions of the parameters on disk, `<data>/parameters`: the recorder writes them, any process reads them.

    versions.jsonl     one line per version, newest last: the instruments that differ from the configuration
    fits/<digest>.npy  rows that were fitted while the service ran, float64[N_PARAMETERS]

A version is the configured parameters, with a newer fit for some instruments and a shift of the log-odds (intercept
and slope) on top for some. So a line is short, every listed version can be restored bit for bit, and a quote of last
week can still be explained.

The last line is active. The configuration takes precedence: a learnt row applies only as long as the row that it was
learnt from is the configured one. New files in `paths.parameters`, or another `parameters` of an instrument, end it;
[learning] enabled = false ends all of them.
"""

import os
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError, resolve
from quotelife.config.paths import data_paths
from quotelife.parameters.table import adjust_row, build_table, is_usable, origin, row_digest, table_hash
from quotelife_models.parameters import Parameters, ParametersError

Floats = NDArray[np.float64]
MAX_VERSIONS = 2_000  # on disk
CONFIGURED = "configured"


class LearntRow(Struct, frozen=True, omit_defaults=True):
    """The change to one instrument. `origin` is the digest of the configured row, `fit` that of a newer fit."""

    symbol: str
    origin: str
    fit: str = ""
    intercept: float = 0.0
    slope: float = 1.0


class Version(Struct, frozen=True, omit_defaults=True):
    """A line of the file. `because` is the reason for the version as text."""

    generation: int
    hash: str
    wall_ns: int
    because: str
    rows: tuple[LearntRow, ...] = ()


class VersionTable(Struct, frozen=True):
    """A version with its table float64[instruments, N_PARAMETERS]."""

    version: Version
    table: Floats

    @property
    def hash(self) -> str:
        return self.version.hash


def load_configured(config: Config) -> Parameters:
    """The configured parameters; ConfigError if they cannot be used."""
    where = config.paths.parameters
    try:
        return Parameters.load(None if where is None else resolve(config, where))
    except ParametersError as error:
        raise ConfigError(Path(config.file), "paths.parameters", where, str(error)) from None


class Versions:
    """The versions of one configuration. Only the recorder appends."""

    def __init__(self, config: Config, parameters: Parameters) -> None:
        self.folder = data_paths(config).parameters
        self.symbols = [i.symbol for i in config.instrument]
        self.configured = build_table(config, parameters)
        self.origin = origin(config, self.configured)
        self.origins = [row_digest(row) for row in self.configured]
        self._hash = parameters.hash
        self._enabled = config.learning.enabled

    @property
    def path(self) -> Path:
        return self.folder / "versions.jsonl"

    def active(self) -> VersionTable:
        """The last version as far as it still applies; the configured parameters if there is none."""
        listed = self.read_all() if self._enabled else []
        last = listed[-1] if listed else Version(0, self._hash, 0, CONFIGURED)
        return self.restore(last)

    def restore(self, version: Version) -> VersionTable:
        """The table of a version, with the rows of it that still apply."""
        applied = tuple(learnt for learnt in version.rows if self._applies(learnt))
        table = self.configured.copy()
        for learnt in applied:
            row = self.symbols.index(learnt.symbol)
            base = self.fit(learnt.fit) if learnt.fit else table[row]
            assert base is not None
            table[row] = adjust_row(base, learnt.intercept, learnt.slope)
        digest = table_hash(self._hash, table) if applied else self._hash
        return VersionTable(msgspec.structs.replace(version, hash=digest, rows=applied), table)

    def find(self, hash_: str) -> VersionTable | None:
        """The version with this hash; None if it is not listed or can no longer be restored."""
        if hash_ == self._hash:
            return VersionTable(Version(0, self._hash, 0, CONFIGURED), self.configured)
        for version in reversed(self.read_all()):
            if version.hash == hash_:
                restored = self.restore(version)
                return restored if restored.hash == hash_ else None
        return None

    def read_all(self) -> list[Version]:
        """All versions, oldest first; skips a line that a crash has cut short."""
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
        """A newer fit; None if it is missing or does not match its digest."""
        try:
            row: Floats = np.load(self.folder / "fits" / f"{digest}.npy")
        except (OSError, ValueError):
            return None
        return row if is_usable(row) and row_digest(row) == digest else None

    def store_fit(self, row: Floats) -> str:
        """Store a newer fit; returns its digest."""
        digest = row_digest(row)
        folder = self.folder / "fits"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{digest}.part", "wb") as file:
            np.save(file, row)
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder / f"{digest}.part", folder / f"{digest}.npy")
        return digest

    def append(self, rows: tuple[LearntRow, ...], wall_ns: int, because: str) -> VersionTable:
        """Append a new version and make it the active one: it is on disk when this returns."""
        listed = self.read_all()
        generation = listed[-1].generation + 1 if listed else 1
        made = self.restore(Version(generation, "", wall_ns, because, rows))
        if len(listed) >= MAX_VERSIONS:
            self._prune(listed[-MAX_VERSIONS // 2 :])
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            # A line that a crash has cut short must not damage this one.
            start = b"" if not file.tell() or _ends_with_newline(self.path) else b"\n"
            file.write(start + msgspec.json.encode(made.version) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return made

    def _applies(self, learnt: LearntRow) -> bool:
        if learnt.symbol not in self.symbols:
            return False
        if self.origins[self.symbols.index(learnt.symbol)] != learnt.origin:
            return False
        return not learnt.fit or self.fit(learnt.fit) is not None

    def _prune(self, kept: list[Version]) -> None:
        """Delete the oldest versions, and the fits that no remaining version uses."""
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
