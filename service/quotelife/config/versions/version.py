"""A version of the configuration, and the versions on disk: `<data>/configurations`, one JSON file each.

A version is complete: the file, the defaults and the venues' profiles are one configuration in it, so that a process
starts with the version in force whatever the file says by then, and a quote of last week is explained with the rules of
then. Only the supervisor writes.
"""

import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from quotelife.config.paths import data_paths, run_paths
from quotelife.config.sections import Config
from quotelife.config.toml_file import ConfigError

HASH_DIGITS = 16
MAX_VERSIONS = 1_000  # on disk
START, RELOAD = "start", "reload"


class Version(Struct, frozen=True):
    """`because` is START or RELOAD, `changes` what differs from the version before, one line a key."""

    number: int
    hash: str
    wall_ns: int
    because: str
    changes: tuple[str, ...]
    config: Config


def digest(config: Config) -> str:
    """The hash of a configuration, wherever its file lies: HASH_DIGITS hexadecimal digits."""
    content = msgspec.json.encode(msgspec.structs.replace(config, file=""))
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS]


class Versions:
    """The versions in the data folder of a configuration."""

    def __init__(self, config: Config) -> None:
        self.folder = data_paths(config).configurations
        self._found: dict[str, Version | None] = {}

    def begin(self, config: Config, wall_ns: int) -> Version:
        """The version that a service starts with: the last one if it is the same, otherwise a new one, stored."""
        last, hash_ = self.last(), digest(config)
        if last is not None and last.hash == hash_:
            return msgspec.structs.replace(last, config=config)
        version = Version(1 if last is None else last.number + 1, hash_, wall_ns, START, (), config)
        self.store(version)
        return version

    def store(self, version: Version) -> None:
        """Write a version, and delete the oldest. OSError if there is no room."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_version(self.folder / f"{version.number:06d}-{version.hash}.json", version)
        for path in self._files()[:-MAX_VERSIONS]:
            path.unlink(missing_ok=True)

    def last(self) -> Version | None:
        """The newest version that can be read; None if there is none."""
        return next((found for path in reversed(self._files()) if (found := _read(path)) is not None), None)

    def find(self, hash_: str) -> Version | None:
        """The newest version with this hash; None if there is none or this release cannot read it."""
        if self._found.get(hash_) is None:
            paths = reversed(self._files())
            self._found[hash_] = next((_read(path) for path in paths if path.stem.endswith(f"-{hash_}")), None)
        return self._found[hash_]

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.json"))


def config_in_force(config: Config) -> Config:
    """The configuration that the service of this run directory works by; `config` where none has run."""
    version = _read(run_paths(config).in_force)
    return config if version is None else version.config


def write_version(path: Path, version: Struct) -> None:
    """Write a version, or a report on one, in place of the file at `path`; readable for its owner only."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(version))
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def read_version(path: str | Path) -> Version:
    """The version in a file that the supervisor has written; ConfigError if it cannot be read."""
    version = _read(Path(path))
    if version is None:
        raise ConfigError(Path(path), "", None, "cannot be read; allowed: a version that the supervisor has written")
    return version


def _read(path: Path) -> Version | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Version)
    except (OSError, msgspec.DecodeError):
        return None
