"""What a session keeps for as long as the process lives: its BeginString and its role, which choose its dictionary."""

from pathlib import Path

from quotelife.config import Client, Config, ConfigError
from quotelife.config.versions.succession import owners
from quotelife.fix.versions import VERSIONS

Kind = tuple[str, str]


class SessionKinds:
    """Of all sessions that were ever in force."""

    def __init__(self) -> None:
        self._known: dict[str, Kind] = {}

    def note(self, config: Config) -> None:
        """The sessions of this version are in force."""
        for session, client in owners(config).items():
            self._known.setdefault(session, _kind(client, session))

    def check(self, config: Config) -> None:
        """ConfigError if a version gives a known session another BeginString or role."""
        for session, client in owners(config).items():
            if session in self._known:
                _check(config, client, session, self._known[session])


def _kind(client: Client, session: str) -> Kind:
    return VERSIONS[client.version(session)].begin_string, client.role


def _check(config: Config, client: Client, session: str, known: Kind) -> None:
    begin_string, role = known
    wanted, at = _kind(client, session), f"client[{client.name}]"
    until = "allowed until the next restart: that of"
    if wanted[0] != begin_string:
        value = client.version(session)
        raise ConfigError(Path(config.file), f"{at}.versions.{session}", value, f"{until} BeginString {begin_string}")
    if wanted[1] != role:
        raise ConfigError(Path(config.file), f"{at}.role", client.role, f"{until} session {session}, {role}")
