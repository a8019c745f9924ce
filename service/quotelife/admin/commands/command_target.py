"""The service that a command is for. A configuration that has become invalid since the start does not lock anybody
out: where the service runs is read from it as far as it can be."""

import sys
import tomllib
from pathlib import Path

import msgspec

from quotelife.config import Config, ConfigError, load
from quotelife.config.sections import Admin, Paths


def command_target(path: Path) -> Config:
    """The configuration, or one with the places and secrets of an invalid one. ConfigError if those are wrong too."""
    try:
        return load(path)
    except ConfigError as error:
        try:
            found = _places(path.absolute())
        except (OSError, ValueError):
            raise error from None
        print(f"{error} (the command is sent all the same)", file=sys.stderr)
        return found


def _places(path: Path) -> Config:
    """What `service_request` reads of a configuration; ValueError if that is wrong or missing."""
    raw = tomllib.loads(path.read_text())
    if "paths" not in raw:
        raise ValueError("no [paths]: nothing tells this service from another one")
    paths, admin = msgspec.convert(raw["paths"], Paths), msgspec.convert(raw.get("admin", {}), Admin)
    return Config(paths=paths, admin=admin, venue=[], instrument=[], client=[], file=str(path))
