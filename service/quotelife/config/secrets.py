"""Tokens, passwords and password hashes that the configuration names, from the environment or from files.

A secret is the first line of its file or the value of its variable. No error contains one.
"""

import os
import stat
from pathlib import Path

from quotelife.config.client_sections import Logon
from quotelife.config.password_hash import HASH_ALLOWED, PasswordHash, PasswordHashError, parse_hash
from quotelife.config.sections import Config, Venue
from quotelife.config.shipped import resolve
from quotelife.config.toml_file import ABSENT, ConfigError
from quotelife.config.venues.venue_profile import LogonProfile

MIN_TOKEN_LENGTH = 16
_MAX_FILE_BYTES = 4096
_CONTAINER_SECRETS = Path("/run/secrets")  # mounted, with a mode of its own, by the engine that runs a container


class SecretError(ValueError):
    """A secret that cannot be read; the text says what is allowed and does not contain the secret."""


def token(config: Config, section: str) -> str | None:
    """The token of [admin] or [api]; None if none is configured. ConfigError if it cannot be read, is too short or
    cannot be sent in an HTTP header."""
    settings = getattr(config, section)
    sources = {"token_env": settings.token_env, "token_file": settings.token_file}
    found = _read(config, section, sources)
    if found is None:
        return None
    value = found.strip()
    if len(value) < MIN_TOKEN_LENGTH or not (value.isascii() and value.isprintable() and " " not in value):
        key = next(key for key, source in sources.items() if source is not None)
        allowed = f"not usable; allowed: at least {MIN_TOKEN_LENGTH} printable ASCII characters without blanks"
        raise ConfigError(Path(config.file), f"{section}.{key}", sources[key], allowed)
    return value


def password(config: Config, venue: Venue) -> str | None:
    """The password of a venue's session; None if none is configured. ConfigError if it cannot be read."""
    at = f"venue[{config.venue.index(venue)}]"
    return _read(config, at, {"password_env": venue.password_env, "password_file": venue.password_file})


def venue_secret(config: Config, venue: Venue, name: str, whole_file: bool = False) -> str:
    """A secret of [venue.secrets] that the Logon of the venue's profile needs. ConfigError if it cannot be read.

    `whole_file` for a key in PEM, which has several lines."""
    sources = {f"{name}_env": venue.secrets.get(f"{name}_env"), f"{name}_file": venue.secrets.get(f"{name}_file")}
    found = _read(config, f"venue[{config.venue.index(venue)}].secrets", sources, whole_file)
    if found is None:
        allowed = f"missing; the Logon of the profile {venue.profile} needs it; allowed: {' or '.join(sources)}"
        raise ConfigError(Path(config.file), f"venue[{config.venue.index(venue)}].secrets.{name}_env", ABSENT, allowed)
    return found


def password_hash(config: Config, session: str) -> PasswordHash | None:
    """The password hash of a client session; None if it needs no password. ConfigError if it cannot be read."""
    n, logon = _logon(config, session)
    at = f"client[{n}].logon.{session}"
    sources = {
        "password_hash": logon.password_hash,
        "password_hash_env": logon.password_hash_env,
        "password_hash_file": logon.password_hash_file,
    }
    text = _read(config, at, sources)
    if text is None:
        if logon.username is not None:
            raise ConfigError(Path(config.file), f"{at}.password_hash", ABSENT, f"missing; {HASH_ALLOWED}")
        return None
    try:
        return parse_hash(text)
    except PasswordHashError as error:
        raise ConfigError(Path(config.file), f"{at}.password_hash", ABSENT, str(error)) from None


def check_credentials(config: Config) -> None:
    """ConfigError for the first password or hash that cannot be read, or certificate that is never asked for."""
    for venue in config.venue:
        password(config, venue)
    tls = config.acceptor.tls
    for n, client in enumerate(config.client):
        for session, logon in client.logon.items():
            password_hash(config, session)
            if logon.certificate is not None and (tls is None or tls.client_ca is None):
                key = f"client[{n}].logon.{session}.certificate"
                allowed = "allowed: only with acceptor.tls.client_ca"
                raise ConfigError(Path(config.file), key, logon.certificate, allowed)


def _logon(config: Config, session: str) -> tuple[int, Logon]:
    """The logon terms of a session, and the index of its client."""
    for n, client in enumerate(config.client):
        if session in client.sessions:
            return n, client.logon.get(session, Logon())
    return 0, Logon()


def in_pem(logon: LogonProfile, name: str) -> bool:
    """Whether a secret of the profile is a key in PEM."""
    signature = logon.signature
    return signature is not None and signature.key == name and signature.key_encoding == "pem"


def _without_soh(value: str) -> str:
    """SecretError if a value of a FIX field would end inside."""
    if "\x01" in value:
        raise SecretError("contains the separator of FIX fields (SOH); allowed: a text without it")
    return value


def _read(config: Config, at: str, sources: dict[str, str | None], whole_file: bool = False) -> str | None:
    """The secret from the one configured source: keys that end in _env name a variable, in _file a file."""
    given = [(key, value) for key, value in sources.items() if value is not None]
    if not given:
        return None
    if len(given) > 1:
        allowed = f"beside {given[0][0]}; allowed: one of {', '.join(sources)}"
        raise ConfigError(Path(config.file), f"{at}.{given[1][0]}", ABSENT, allowed)
    key, value = given[0]
    try:
        if key.endswith("_env"):
            return _without_soh(from_environment(value))
        if key.endswith("_file"):
            return _without_soh(from_file(resolve(config, value), whole_file))
    except SecretError as error:
        raise ConfigError(Path(config.file), f"{at}.{key}", value, str(error)) from None
    return value


def from_environment(name: str) -> str:
    """The value of a variable. SecretError if it is absent or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise SecretError("no such variable; allowed: one that is set and not empty")
    return value


def from_file(path: Path, whole: bool = False) -> str:
    """The first line of a file, or all of it. SecretError if it is not private, empty, too large or not UTF-8."""
    check_private(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SecretError(f"{path}: {error.strerror}; allowed: a file that this user can read") from None
    if len(raw) > _MAX_FILE_BYTES:
        raise SecretError(f"{path} has {len(raw)} bytes; allowed: at most {_MAX_FILE_BYTES}")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not UTF-8; allowed: a text file with the secret in its first line") from None
    line = text if whole else text.partition("\n")[0].rstrip("\r")
    if not line.strip():
        raise SecretError(f"{path} is empty; allowed: a text file with the secret in its first line")
    return line


def check_private(path: Path) -> None:
    """SecretError unless `path` is a regular file to which other users have no access. Of the files that a container
    engine mounts below /run/secrets the mode is not checked: the engine sets it."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SecretError(f"{path}: {error.strerror}; allowed: a file that exists") from None
    if not stat.S_ISREG(mode):
        raise SecretError(f"{path} is not a regular file; allowed: a file")
    if mode & stat.S_IRWXO and not path.is_relative_to(_CONTAINER_SECRETS):
        raise SecretError(f"{path} is accessible to all users (mode {mode & 0o777:04o}); allowed: chmod 600 or 640")


def readable_by_group(path: Path) -> bool:
    """Whether the group of the file has any access to it."""
    return bool(path.stat().st_mode & stat.S_IRWXG)
