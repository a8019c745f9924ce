"""The engine objects: that of the start, and one for the sessions of each version that brought new ones.

A session that an engine object has made keeps its FIX version and its role (which chooses its dictionary) for as long
as the process lives. Those of a version that does not come into force end with their engine object, unused.
"""

import socket
from collections.abc import Collection

from quotelife.acceptor.common.session_kinds import SessionKinds
from quotelife.acceptor.common.store_takeover import continue_from_native
from quotelife.acceptor.quickfix.application import Application
from quotelife.acceptor.quickfix.engine import write_settings
from quotelife.acceptor.quickfix.session_engine import SessionEngine
from quotelife.config import Config
from quotelife.config.paths import data_paths, run_paths
from quotelife.config.versions.succession import owners
from quotelife.rfq.handler import RfqHandler


class Engines:
    """`application` gets the callbacks of all of them."""

    def __init__(self, config: Config, handler: RfqHandler) -> None:
        """ConfigError for unusable settings, dictionaries or files of the native engine."""
        data, self._path = data_paths(config), run_paths(config).engine_socket
        settings, dictionaries = write_settings(config, data)
        continue_from_native(config, owners(config))
        self.application = Application(handler, dictionaries, data.sessions)
        first = SessionEngine(config, settings, self.application, self._path)
        self.application.bind_engine_sessions()
        self._engines = [first]
        self._kinds = SessionKinds()
        self._kinds.note(config)
        self._engine_of = dict.fromkeys(owners(config), first)
        self._proposed: SessionEngine | None = None
        self._proposed_config: Config | None = None
        self._proposed_sessions: list[str] = []

    def start(self) -> None:
        """OSError if it cannot."""
        self._start(self._engines[0], self._engine_of)

    def inject(self, session: str, client: socket.socket) -> None:
        """Hand over a connection of this session; OSError if its engine object does not accept it."""
        self._engine_of[session].inject(client)

    def prepare(self, config: Config) -> None:
        """Make the sessions that a version needs; `adopt` or `discard` them. ConfigError or OSError if that fails:
        then there are none."""
        self._kinds.check(config)
        new = sorted(owners(config).keys() - self._engine_of.keys())
        if not new:
            return
        self._proposed_config, self._proposed_sessions = config, new
        path = self._path.with_name(f"{self._path.name}-{len(self._engines)}")
        try:
            settings, dictionaries = write_settings(config, data_paths(config), new)
            continue_from_native(config, new)
            self.application.add_dictionaries(dictionaries)
            self._proposed = SessionEngine(config, settings, self.application, path)
            self._start(self._proposed, new)
        except BaseException:
            self.discard()
            raise

    def adopt(self) -> None:
        """The version of the prepared sessions is in force."""
        if self._proposed is not None and self._proposed_config is not None:
            self._engines.append(self._proposed)
            self._engine_of |= dict.fromkeys(self._proposed_sessions, self._proposed)
            self._kinds.note(self._proposed_config)
        self._proposed, self._proposed_sessions = None, []

    def discard(self) -> None:
        """Forget the prepared sessions, to which nobody has logged on, and end their engine object."""
        proposed, self._proposed = self._proposed, None
        self.application.forget(self._proposed_sessions)
        self._proposed_sessions = []
        if proposed is not None:
            proposed.end()

    def stop(self) -> None:
        """Log all sessions out."""
        self.discard()
        for engine in self._engines:
            engine.stop()

    def _start(self, engine: SessionEngine, sessions: Collection[str]) -> None:
        self.application.enable_logons(False, sessions)  # while the engine itself listens
        engine.start()
        self.application.enable_logons(True, sessions)
