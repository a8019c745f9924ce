"""The data dictionaries of client sessions: read from the settings' folder, in the form that both engines check by."""

from pathlib import Path
from tempfile import TemporaryDirectory

from quotelife.acceptor.common.dictionary import relax
from quotelife.config import Config, ConfigError, settings_file
from quotelife.config.client_sections import Role
from quotelife.config.paths import DataPaths
from quotelife.config.versions.succession import owners
from quotelife.fix.dictionary import DataDictionary, read_dictionary
from quotelife.fix.versions import VERSIONS, Version

_HEDGES = "hedges-"  # before the name of a dictionary: that of sessions that report hedges


class Dictionaries:
    """Each is read once; the form that is checked by is written to `data`."""

    def __init__(self, data: DataPaths) -> None:
        self._data = data
        self._read: dict[str, DataDictionary] = {}

    def of(self, config: Config, version: Version, role: Role) -> tuple[DataDictionary, DataDictionary]:
        """Of header and session messages, and of the application's; up to FIX.4.4 both are one. ConfigError if one
        cannot be used."""
        folder = settings_file(config).parent
        application = self._dictionary(folder / version.dictionary, role == "hedge")
        if version.transport is None:
            return application, application
        return self._dictionary(folder / version.transport, False), application

    def _dictionary(self, source: Path, for_hedges: bool) -> DataDictionary:
        key = _HEDGES + source.name if for_hedges else source.name
        if key not in self._read:
            written = self._data.dictionary(key)
            try:
                relax(source, written, for_hedges)
                self._read[key] = read_dictionary(written)
            except (OSError, ValueError) as error:
                raise ConfigError(source, "", None, f"{error}; allowed: a data dictionary") from None
        return self._read[key]


def check_dictionaries(config: Config) -> None:
    """ConfigError if a session's dictionaries cannot be used."""
    with TemporaryDirectory(prefix="quotelife-") as folder:
        dictionaries = Dictionaries(DataPaths(Path(folder)))
        for session, client in owners(config).items():
            dictionaries.of(config, VERSIONS[client.version(session)], client.role)
