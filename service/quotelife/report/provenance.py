"""Where a report comes from: the command, the version, the data with their hashes, the time and the machine."""

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

import quotelife

_GIT_S = 5
Row = TypeVar("Row")


class DataFile(Struct, frozen=True):
    """Data that a report was made from: a file with its size, or `rows` of a file that grows while it is read. The hash
    is that of what was read, in hexadecimal digits."""

    name: str
    sha256: str
    bytes: int | None = None
    rows: int | None = None


class Provenance(Struct, frozen=True):
    """What one must know to make the report again. `git` is the revision of the source, None if it is not known."""

    command: str
    version: str
    git: str | None
    created: str  # UTC
    cores: int
    machine: str
    data: list[DataFile]


class RowHash:
    """Hashes rows on their way from a file that grows while it is read."""

    def __init__(self) -> None:
        self._digest, self._n = hashlib.sha256(), 0

    def hashed(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows as they are."""
        for row in rows:
            self._digest.update(repr(row).encode())
            self._n += 1
            yield row

    def data_file(self, path: Path) -> DataFile:
        """What was read of the file."""
        return DataFile(str(path), self._digest.hexdigest(), rows=self._n)


def provenance(data: Iterable[DataFile]) -> Provenance:
    """Of this process and what it has read."""
    return Provenance(
        command=shlex.join(["quotelife", *sys.argv[1:]]),
        version=_version(),
        git=_revision(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        cores=os.cpu_count() or 1,
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        data=list(data),
    )


def data_file(path: Path) -> DataFile:
    """A whole file. OSError if it cannot be read."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return DataFile(str(path), digest, path.stat().st_size)


def _version() -> str:
    try:
        return version("quotelife")
    except PackageNotFoundError:
        return "not installed"


def _revision() -> str | None:
    """The revision of the repository that this package lies in; None if it was installed from elsewhere."""
    package = Path(quotelife.__file__).parent
    root = package.parent.parent
    if package != root / "service" / "quotelife" or not (root / ".git").exists():
        return None
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(describe, capture_output=True, text=True, timeout=_GIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
