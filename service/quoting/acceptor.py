"""The FIX engine: the only module that imports quickfix.

Each session has a thread of the engine's own (ThreadedSocketAcceptor): a client that does not read blocks its own
thread in send and nothing else, while the single-threaded acceptor queues for it without bound and answers others late.
The desk is used by one thread at a time; its lock is held while deciding, not while waiting for the disk or sending.
So nothing here may be called with the lock held: the engine has locks of its own.

No exception may leave a callback: the engine would end the process. A message must not be kept beyond its callback.
"""

import sys
import threading
import traceback
from pathlib import Path

from service.clock import mono_ns, wall_ns
from service.config import Config, ConfigError, resolve
from service.quoting import message
from service.quoting.desk import Desk
from service.quoting.dictionary import relax
from service.quoting.versions import DEFAULT_APPL_VER_ID, FIX44, VERSIONS, Version

try:
    import quickfix as fix
except ImportError:
    print("quickfix is missing: pip install 'quotelife[binary]' (or 'quotelife[source]')", file=sys.stderr)
    raise SystemExit(1) from None

_LOOPBACK = ("127.0.0.1", "localhost")
_ANY = "0.0.0.0"
_START = 9  # characters of a message that tell its version
_FORGOTTEN = frozenset(("S", "AG", "AI", "Z", "b"))  # never sent again: what they said of the market is over


class Application(fix.Application):
    """The engine's callbacks. `dictionaries` are those of each version spoken, the
    session's own first where that is another."""

    def __init__(self, desk: Desk, dictionaries: dict[Version, list[fix.DataDictionary]]) -> None:
        super().__init__()
        self.desk = desk
        self.stopping = False
        self._sessions: dict[str, fix.SessionID] = {}
        self._dictionaries = {_start(version): each for version, each in dictionaries.items()}
        self._translations = {v.begin_string: v.translate for v in dictionaries if v.translate is not None}
        self._sending = threading.local()

    def fromApp(self, received: fix.Message, session: fix.SessionID) -> None:
        mono, wall = mono_ns(), wall_ns()
        answer = None
        try:
            desk, text = self.desk, received.toString()
            with desk.lock:
                answer = desk.receive(text, wall, mono)
            if answer is not None:
                if answer.waits:
                    desk.commit(answer)
                taken = True
                for reply in answer.messages:
                    taken = self._send(reply, session) and taken
                sent = mono_ns()
                with desk.lock:
                    desk.settle(answer, sent)
                if taken:
                    desk.sent(answer)
        except BaseException:
            _log("a message")
            return
        if answer is None:
            raise fix.UnsupportedMessageType

    def compose(self, text: str) -> fix.Message:
        """The engine's message. One with a repeating group needs the dictionary, else its fields are sorted apart."""
        if message.has_group(text):
            return fix.Message(text, *self._dictionaries[text[:_START]], False)
        return fix.Message(text, False)

    def _send(self, text: str, session: fix.SessionID) -> bool:
        """Hand a message to the engine; False if the session is not logged on now."""
        if self._translations:
            translate = self._translations.get(session.getBeginString().getValue())
            if translate is not None:
                text = translate(text)
        outgoing = self.compose(text)
        self._sending.ours = True
        try:
            return bool(fix.Session.sendToTarget(outgoing, session))
        finally:
            self._sending.ours = False

    def toApp(self, outgoing: fix.Message, session: fix.SessionID) -> None:
        if getattr(self._sending, "ours", False):
            return
        forgotten = False
        try:  # not sent by us just now, so the engine sends it again
            forgotten = outgoing.getHeader().getField(35) in _FORGOTTEN
        except BaseException:
            _log("a message to be sent again")
        if forgotten:
            raise fix.DoNotSend

    def onLogon(self, session: fix.SessionID) -> None:
        try:
            name, desk = session.getTargetCompID().getString(), self.desk
            with desk.lock:
                desk.logged_on(name)
            print(f"client {name} logged on", file=sys.stderr, flush=True)
            for key, texts in desk.deals.not_sent(name):
                taken = [self._send(text, session) for text in texts]
                if all(taken):
                    desk.deals.note_sent(key)
        except BaseException:
            _log("a logon")

    def onLogout(self, session: fix.SessionID) -> None:
        """A logout or disconnect ends the session's open quotes."""
        mono, wall = mono_ns(), wall_ns()
        try:
            name, desk = session.getTargetCompID().getString(), self.desk
            with desk.lock:
                desk.logged_out(name, "stopped" if self.stopping else "session_ended", wall, mono)
            print(f"client {name} logged out", file=sys.stderr, flush=True)
        except BaseException:
            _log("a logout")

    def onCreate(self, session: fix.SessionID) -> None:
        name = session.getTargetCompID().getString()
        self._sessions[name] = fix.SessionID(
            session.getBeginString().getString(), session.getSenderCompID().getString(), name
        )

    def come_up(self, slot: int) -> None:
        """A slot of the desk's watchlist has come up; called by the watching thread."""
        with self.desk.lock:
            out = self.desk.come_up(slot, wall_ns(), mono_ns())
        if out is not None:
            self._send(out[1], self._sessions[out[0]])

    def toAdmin(self, outgoing: fix.Message, session: fix.SessionID) -> None:
        pass

    def fromAdmin(self, received: fix.Message, session: fix.SessionID) -> None:
        pass


class Acceptor:
    """The listening engine. ConfigError if the settings or the dictionary cannot be used."""

    def __init__(self, config: Config, desk: Desk) -> None:
        data = resolve(config, config.paths.data)
        data.mkdir(parents=True, exist_ok=True)
        settings_path = resolve(config, config.acceptor.settings)
        defaults = read_defaults(config, settings_path)
        spoken = {FIX44} | {VERSIONS[c.version(session)] for c in config.client for session in c.sessions}
        dictionaries = {version: load_dictionaries(version, settings_path, data) for version in spoken}
        written = data / "acceptor.cfg"
        written.write_text(engine_settings(config, defaults, data, data / "sessions"), encoding="utf-8")
        try:
            self._settings = fix.SessionSettings(str(written))
            self._store = fix.FileStoreFactory(self._settings)
            self.application = Application(desk, dictionaries)
            self._engine = fix.ThreadedSocketAcceptor(self.application, self._store, self._settings)
        except fix.ConfigError as error:
            raise ConfigError(settings_path, "", None, str(error)) from None

    def start(self) -> None:
        """Listen; OSError if the port is taken."""
        try:
            self._engine.start()
        except (fix.RuntimeError, fix.ConfigError) as error:
            raise OSError(str(error)) from None

    def stop(self) -> None:
        """Log clients out and stop listening."""
        self.application.stopping = True
        self._engine.stop()


def read_defaults(config: Config, path: Path) -> dict[str, str]:
    """The [DEFAULT] section of an engine settings file; ConfigError if there is none or it has others."""
    defaults: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        allowed = f"cannot be read ({error.strerror}); allowed: a file with the engine's settings"
        raise ConfigError(Path(config.file), "acceptor.settings", config.acceptor.settings, allowed) from None
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#") or line.upper() == "[DEFAULT]":
            continue
        key, equals, value = line.partition("=")
        if not equals or not key:
            allowed = "allowed: Key=Value under one [DEFAULT]; sessions come from [[client]]"
            raise ConfigError(path, f"line {number}", line, allowed)
        defaults[key.strip()] = value.strip()
    return defaults


def load_dictionaries(version: Version, settings_path: Path, data: Path) -> list[fix.DataDictionary]:
    """The dictionaries of a version, from beside the engine's settings, written in relaxed form into `data`."""
    loaded = []
    for name in (version.transport, version.dictionary):
        if name is None:
            continue
        source = settings_path.parent / name
        try:
            relax(source, data / f"dictionary-{name}")
            loaded.append(fix.DataDictionary(str(data / f"dictionary-{name}")))
        except (OSError, ValueError, fix.ConfigError) as error:
            raise ConfigError(source, "", None, f"{error}; allowed: a data dictionary") from None
    return loaded


def engine_settings(config: Config, defaults: dict[str, str], dictionaries: Path, store: Path) -> str:
    """The engine's settings file: the defaults, what the configuration says, one [SESSION] per client session.

    `dictionaries` is the folder of the relaxed dictionaries.
    """
    host = config.acceptor.host
    if host not in (*_LOOPBACK, _ANY):
        allowed = "allowed: 127.0.0.1 (this machine only) or 0.0.0.0; the engine cannot choose between addresses"
        raise ConfigError(Path(config.file), "acceptor.host", host, allowed)
    common = defaults | {
        "FileStorePath": str(store),
        "SocketAcceptPort": str(config.acceptor.port),
        "SenderCompID": config.acceptor.sender_comp_id,
    }
    if host in _LOOPBACK:
        common["AllowedRemoteAddresses"] = "127.0.0.1"
    lines = ["[DEFAULT]", *(f"{key}={value}" for key, value in common.items())]
    for client in config.client:
        for session in client.sessions:
            lines += ["[SESSION]", f"TargetCompID={session}"]
            lines += _version_settings(VERSIONS[client.version(session)], dictionaries)
    return "\n".join(lines) + "\n"


def _version_settings(version: Version, dictionaries: Path) -> list[str]:
    lines = [f"BeginString={version.begin_string}"]
    path = dictionaries / f"dictionary-{version.dictionary}"
    if version.transport is None:
        return [*lines, f"DataDictionary={path}"]
    transport = dictionaries / f"dictionary-{version.transport}"
    dictionary_keys = [f"TransportDataDictionary={transport}", f"AppDataDictionary={path}"]
    return [*lines, *dictionary_keys, f"DefaultApplVerID={DEFAULT_APPL_VER_ID}"]


def _start(version: Version) -> str:
    return f"8={version.begin_string}\x01"[:_START]


def _log(what: str) -> None:
    print(f"quoting: exception at {what}", file=sys.stderr, flush=True)
    traceback.print_exc(file=sys.stderr)
