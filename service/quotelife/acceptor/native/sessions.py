"""The sessions of a configuration, with their stores and dictionaries; another version adds to them.

A session that exists keeps its FIX version and its role for as long as the process lives.
"""

from collections.abc import Mapping

from quotelife.acceptor.common.session_kinds import SessionKinds
from quotelife.acceptor.common.store_takeover import continue_from_quickfix, session_files
from quotelife.acceptor.native.client_session import ClientSession
from quotelife.acceptor.native.dictionaries import Dictionaries
from quotelife.config import Client, Config
from quotelife.config.paths import data_paths
from quotelife.config.versions.succession import owners
from quotelife.fix.acceptor import AcceptorSession
from quotelife.fix.encode import Identity
from quotelife.fix.settings import AcceptorSettings
from quotelife.fix.store import MappedStore, StoreError
from quotelife.fix.versions import DEFAULT_APPL_VER_ID, VERSIONS
from quotelife.runtime.clock import NS_PER_S

_TIME_DECIMALS = 6


class ClientSessions:
    """`by_name`: all that may ever log on, also those of which no client is configured now. ConfigError if a dictionary
    or a store cannot be used."""

    def __init__(self, config: Config) -> None:
        self._kinds = SessionKinds()
        self._dictionaries = Dictionaries(data_paths(config))
        self._proposed: dict[str, ClientSession] = {}
        self._by_name: dict[str, ClientSession] = {}
        self.prepare(config)
        self.adopt(config)

    @property
    def by_name(self) -> Mapping[str, ClientSession]:
        """The sessions that are in force, or were."""
        return self._by_name

    def prepare(self, config: Config) -> None:
        """Make the sessions that a version needs; `adopt` or `discard` them. ConfigError or OSError if that fails:
        then there are none."""
        wanted = owners(config)
        self._kinds.check(config)
        new = sorted(wanted.keys() - self._by_name.keys())
        continue_from_quickfix(config, new)
        try:
            for name in new:
                self._proposed[name] = self._make(config, wanted[name], name)
        except BaseException:
            self.discard()
            raise

    def adopt(self, config: Config) -> None:
        """The version of the prepared sessions is in force."""
        self._by_name |= self._proposed
        self._proposed = {}
        self._kinds.note(config)
        for name, client in owners(config).items():
            self._by_name[name].translate = VERSIONS[client.version(name)].translation(client.extensions)

    def discard(self) -> None:
        """Forget the prepared sessions, to which nobody has logged on."""
        for session in self._proposed.values():
            session.fix.store.close()
        self._proposed = {}

    def close(self) -> None:
        """Close the stores."""
        self.discard()
        for session in self._by_name.values():
            session.fix.store.close()

    def _make(self, config: Config, client: Client, name: str) -> ClientSession:
        version = VERSIONS[client.version(name)]
        transport, own = self._dictionaries.of(config, version, client.role)
        identity = Identity(config.acceptor.sender_comp_id, name, version.begin_string, time_decimals=_TIME_DECIMALS)
        settings = AcceptorSettings(
            identity, transport, own,
            appl_ver_id=None if version.transport is None else DEFAULT_APPL_VER_ID,
            logon_timeout_ns=int(config.acceptor.logon_timeout_s * NS_PER_S),
        )  # fmt: skip
        data_paths(config).sessions.mkdir(parents=True, exist_ok=True)
        files = session_files(config, name)
        try:
            store = MappedStore(files.store, files.session)
        except StoreError as error:
            raise OSError(str(error)) from None
        return ClientSession(name, AcceptorSession(settings, store), None)
