"""The names behind the numbers of a record, by the configuration that was in force when it was written."""

from typing import NamedTuple

from quotelife.config import Config
from quotelife.config.versions.succession import numbered_sessions
from quotelife.config.versions.version import Versions
from quotelife.journal.record import Record


class _Names(NamedTuple):
    """Of one configuration, each in the order of its numbers."""

    symbols: list[str]
    clients: list[str]
    sessions: list[str]

    @classmethod
    def of(cls, config: Config) -> "_Names":
        clients = [client.name for client in config.client]
        return cls([i.symbol for i in config.instrument], clients, numbered_sessions(config))


class RecordNames:
    """A version that is not on disk has the names of `config`."""

    def __init__(self, config: Config) -> None:
        self._versions = Versions(config)
        self._present = _Names.of(config)
        self._by_version: dict[str, _Names] = {}

    def symbol(self, record: Record) -> str | None:
        """The instrument of a record; None if it has none."""
        return _at(self._of(record).symbols, record.row)

    def client(self, record: Record) -> str | None:
        return _at(self._of(record).clients, record.client)

    def session(self, record: Record) -> str | None:
        return _at(self._of(record).sessions, record.session - 1)

    def _of(self, record: Record) -> _Names:
        version = record.configuration
        names = self._by_version.get(version)
        if names is None:
            found = self._versions.find(version)
            names = self._by_version[version] = self._present if found is None else _Names.of(found.config)
        return names


def _at(names: list[str], index: int) -> str | None:
    return names[index] if 0 <= index < len(names) else None
