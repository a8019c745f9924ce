"""One engine object with its sessions, and the injection of connections into it.

Engine defect: sessions are made when the engine object is, and later ones cannot be added. So sessions that a new
version of the configuration brings have an engine object of their own, which the first ones do not notice. A session
exists for as long as the process: one that is not configured any more is disabled, and enabled again if it comes back.
Its FIX version cannot change.
"""

import socket
from pathlib import Path

from quotelife.acceptor.quickfix.engine import fix
from quotelife.acceptor.quickfix.socket_injector import SocketInjector
from quotelife.config import Config, ConfigError, settings_file


class SessionEngine:
    """The sessions of `settings`; `path` is that of its Unix socket. ConfigError for settings or dictionaries that the
    engine cannot use."""

    def __init__(self, config: Config, settings: fix.SessionSettings, application: fix.Application, path: Path) -> None:
        self._injector = SocketInjector(path)
        self._settings, self._store = settings, fix.FileStoreFactory(settings)  # referenced by the engine
        try:
            self._engine = fix.ThreadedSocketAcceptor(application, self._store, settings)
        except fix.ConfigError as error:
            raise ConfigError(settings_file(config), "", None, str(error)) from None

    def start(self) -> None:
        """Start its thread; no session may be enabled, since the engine itself listens for a moment. OSError if it
        cannot."""
        self._injector.note_other_listeners()
        try:
            self._engine.start()
        except (fix.RuntimeError, fix.ConfigError) as error:
            raise OSError(str(error)) from None
        self._injector.replace_listener()

    def inject(self, client: socket.socket) -> None:
        """Hand over a connection, which must be blocking; OSError if the engine does not accept it."""
        self._injector.inject(client)

    def stop(self) -> None:
        """Log its sessions out."""
        self._engine.stop()
        self._injector.close()

    def end(self) -> None:
        """As `stop`, and its sessions end with it: nothing may refer to them any more."""
        self.stop()
        del self._engine  # before its store, which it still uses when it ends
