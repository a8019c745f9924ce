"""The secrets that the configuration names: passwords at venues, hashes of clients' passwords. None is in an error."""

from pathlib import Path

from quotelife.config import passwords as secrets
from quotelife.config.load import ABSENT, ConfigError, resolve
from quotelife.config.passwords import PasswordHash, SecretError
from quotelife.config.sections import Config, Logon, Venue


def password(config: Config, venue: Venue) -> str | None:
    """The venue session's password; ConfigError if it is configured and cannot be had."""
    at = f"venue[{config.venue.index(venue)}]"
    return _one_of(config, at, {"password_env": venue.password_env, "password_file": venue.password_file})


def password_hash(config: Config, session: str) -> PasswordHash | None:
    """The hash of a client session's password; None if it needs none. ConfigError if it cannot be had."""
    n, logon = _logon(config, session)
    at = f"client[{n}].logon.{session}"
    text = _one_of(
        config,
        at,
        {
            "password_hash": logon.password_hash,
            "password_hash_env": logon.password_hash_env,
            "password_hash_file": logon.password_hash_file,
        },
    )
    if text is None:
        if logon.username is not None:
            raise ConfigError(Path(config.file), f"{at}.password_hash", ABSENT, f"missing; {secrets.HASH_ALLOWED}")
        return None
    try:
        return secrets.parse_hash(text)
    except SecretError as error:
        raise ConfigError(Path(config.file), f"{at}.password_hash", ABSENT, str(error)) from None


def check_credentials(config: Config) -> None:
    """ConfigError for the first secret that cannot be had, or that nothing would ask for."""
    for venue in config.venue:
        password(config, venue)
    for n, client in enumerate(config.client):
        for session, logon in client.logon.items():
            password_hash(config, session)
            if logon.certificate is not None and (config.acceptor.tls is None or config.acceptor.tls.client_ca is None):
                allowed = "allowed: only with acceptor.tls.client_ca"
                raise ConfigError(
                    Path(config.file), f"client[{n}].logon.{session}.certificate", logon.certificate, allowed
                )


def _logon(config: Config, session: str) -> tuple[int, Logon]:
    return next(
        ((n, c.logon.get(session, Logon())) for n, c in enumerate(config.client) if session in c.sessions), (0, Logon())
    )


def _one_of(config: Config, at: str, sources: dict[str, str | None]) -> str | None:
    """The secret from the one source that is given."""
    given = [(key, value) for key, value in sources.items() if value is not None]
    if not given:
        return None
    if len(given) > 1:
        allowed = f"beside {given[0][0]}; allowed: one of {', '.join(sources)}"
        raise ConfigError(Path(config.file), f"{at}.{given[1][0]}", ABSENT, allowed)
    key, value = given[0]
    try:
        if key.endswith("_env"):
            return secrets.from_environment(value)
        if key.endswith("_file"):
            return secrets.from_file(resolve(config, value))
    except SecretError as error:
        raise ConfigError(Path(config.file), f"{at}.{key}", value, str(error)) from None
    return value
