"""The engine's settings and dictionaries, derived from the configuration.

The settings file holds what concerns the engine alone.
Engine defect: an unknown key is ignored, and so are some unreadable values. So keys and values are checked here first.
"""

import re
import sys
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from quotelife.acceptor.common.dictionary import relax
from quotelife.config import Client, Config, ConfigError, settings_file
from quotelife.config.client_sections import Role
from quotelife.config.paths import DataPaths
from quotelife.fix.versions import DEFAULT_APPL_VER_ID, FIX44, VERSIONS, Version
from quotelife.runtime.process import NO_ENGINE

try:
    import quickfix as fix
except ImportError:
    print(NO_ENGINE, file=sys.stderr)
    raise SystemExit(1) from None

_HEDGES = "hedges-"  # before the name of a dictionary: that of sessions that report hedges
_YES_OR_NO = (r"[YN]", "Y or N")
_NUMBER = (r"\d{1,9}", "a whole number")
_TIME = (r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d", "a time of day in UTC, HH:MM:SS")
_DAY = (r"(?i:mo|tu|we|th|fr|sa|su)[a-z]*", "a day of the week")
_ALLOWED = {
    "ConnectionType": ("acceptor", "acceptor"),
    "TimestampPrecision": (r"\d", "0 to 9, digits of a second"),
    **dict.fromkeys(("StartTime", "EndTime", "LogonTime", "LogoutTime"), _TIME),
    **dict.fromkeys(("StartDay", "EndDay", "LogonDay", "LogoutDay"), _DAY),
    **dict.fromkeys(
        ("LogonTimeout", "LogoutTimeout", "MaxLatency", "SocketSendBufferSize", "SocketReceiveBufferSize"), _NUMBER
    ),
    **dict.fromkeys(
        (
            *("UseDataDictionary", "ValidateFieldsOutOfOrder", "ValidateFieldsHaveValues", "ValidateUserDefinedFields"),
            *("ValidateLengthAndChecksum", "AllowUnknownMsgFields", "PreserveMessageFieldsOrder", "CheckCompID"),
            *("CheckLatency", "ResetOnLogon", "ResetOnLogout", "ResetOnDisconnect", "RefreshOnLogon"),
            *("PersistMessages", "MillisecondsInTimeStamp", "NonStopSession", "UseLocalTime"),
            *("SendRedundantResendRequests", "SocketReuseAddress", "SocketNodelay"),
        ),
        _YES_OR_NO,
    ),
}
_NAMES = {name.casefold(): name for name in _ALLOWED}  # the engine ignores case


class _NullApplication(fix.Application):
    """For `check_settings`, to which nobody connects."""

    def onCreate(self, session: fix.SessionID) -> None:
        pass


def check_settings(config: Config) -> None:
    """Have the engine read its settings and dictionaries as the acceptor does; ConfigError if it cannot."""
    with TemporaryDirectory(prefix="quotelife-") as folder:
        settings, _ = write_settings(config, DataPaths(Path(folder)))
        application, store = _NullApplication(), fix.MemoryStoreFactory()
        try:
            fix.ThreadedSocketAcceptor(application, store, settings)
        except fix.ConfigError as error:
            raise ConfigError(settings_file(config), "", None, str(error)) from None


def write_settings(
    config: Config, data: DataPaths, sessions: Collection[str] | None = None
) -> tuple[fix.SessionSettings, dict[Version, list[fix.DataDictionary]]]:
    """Write the engine's files to `data`, for some sessions or for all. Returns its settings, and the dictionaries of
    each FIX version in use."""
    source = settings_file(config)
    defaults = read_defaults(config, source)
    served = _served(config, sessions)
    versions = {FIX44} | {VERSIONS[client.version(session)] for client, session in served}
    dictionaries = {version: load_dictionaries(version, source, data) for version in versions}
    for version in {VERSIONS[client.version(s)] for client, s in served if client.role == "hedge"}:
        relax(source.parent / version.dictionary, data.dictionary(_HEDGES + version.dictionary), for_hedges=True)
    written = data.engine_settings
    written.write_text(engine_settings(config, defaults, data, data.sessions, sessions), encoding="utf-8")
    try:
        return fix.SessionSettings(str(written)), dictionaries
    except fix.ConfigError as error:
        raise ConfigError(source, "", None, str(error)) from None


def read_defaults(config: Config, path: Path) -> dict[str, str]:
    """The [DEFAULT] section of an engine settings file; ConfigError for a key or value that is not allowed."""
    defaults: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        allowed = f"cannot be read ({reason}); allowed: a file with the engine's settings"
        raise ConfigError(Path(config.file), "acceptor.settings", config.acceptor.settings, allowed) from None
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#") or line.upper() == "[DEFAULT]":
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            allowed = "allowed: Key=Value under one [DEFAULT]; sessions come from [[client]]"
            raise ConfigError(path, f"line {number}", line, allowed)
        defaults[_checked(path, key, value)] = value
    return defaults


def _checked(path: Path, key: str, value: str) -> str:
    """The key in the engine's spelling; ConfigError if the key or the value is not allowed here."""
    name = _NAMES.get(key.casefold())
    if name is None:
        rest = "sessions, addresses, port, store and dictionaries come from quotelife's own configuration"
        raise ConfigError(path, key, value, f"cannot be set here; allowed: {', '.join(sorted(_ALLOWED))}; {rest}")
    pattern, words = _ALLOWED[name]
    if not re.fullmatch(pattern, value):
        raise ConfigError(path, key, value, f"allowed: {words}")
    return name


def load_dictionaries(version: Version, settings_path: Path, data: DataPaths) -> list[fix.DataDictionary]:
    """The dictionaries of a version, read from the settings' folder and written in relaxed form to `data`."""
    loaded = []
    for name in (version.transport, version.dictionary):
        if name is None:
            continue
        source = settings_path.parent / name
        try:
            relax(source, data.dictionary(name))
            loaded.append(fix.DataDictionary(str(data.dictionary(name))))
        except (OSError, ValueError, fix.ConfigError) as error:
            raise ConfigError(source, "", None, f"{error}; allowed: a data dictionary") from None
    return loaded


def engine_settings(
    config: Config, defaults: dict[str, str], data: DataPaths, store: Path, sessions: Collection[str] | None = None
) -> str:
    """Text of the engine's settings file: defaults, configuration, one [SESSION] per client session, of all clients or
    of those in `sessions`."""
    common = defaults | {
        "FileStorePath": str(store),
        "SocketAcceptPort": "0",  # any port: replaced before a client connects, see socket_injector.py
        "SenderCompID": config.acceptor.sender_comp_id,
    }
    lines = ["[DEFAULT]", *(f"{key}={value}" for key, value in common.items())]
    for client, session in _served(config, sessions):
        lines += ["[SESSION]", f"TargetCompID={session}"]
        lines += _version_settings(VERSIONS[client.version(session)], data, client.role)
    return "\n".join(lines) + "\n"


def _served(config: Config, sessions: Collection[str] | None) -> list[tuple[Client, str]]:
    """Each client with each of its sessions, or with those in `sessions`."""
    both = [(client, session) for client in config.client for session in client.sessions]
    return [(client, session) for client, session in both if sessions is None or session in sessions]


def _version_settings(version: Version, data: DataPaths, role: Role) -> list[str]:
    lines = [f"BeginString={version.begin_string}"]
    path = data.dictionary((_HEDGES if role == "hedge" else "") + version.dictionary)
    if version.transport is None:
        return [*lines, f"DataDictionary={path}"]
    transport = data.dictionary(version.transport)
    dictionary_keys = [f"TransportDataDictionary={transport}", f"AppDataDictionary={path}"]
    return [*lines, *dictionary_keys, f"DefaultApplVerID={DEFAULT_APPL_VER_ID}"]
