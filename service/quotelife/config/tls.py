"""TLS contexts from the configuration, with checks of their files."""

import ssl
from pathlib import Path
from typing import NoReturn

from quotelife.config.secrets import SecretError, check_private
from quotelife.config.sections import Config, Venue
from quotelife.config.shipped import resolve
from quotelife.config.toml_file import ABSENT, ConfigError

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_BUNDLE = "allowed: a PEM file of certificates"


def server_context(config: Config) -> ssl.SSLContext | None:
    """For the port that clients connect to; None without TLS. ConfigError for a file that cannot be used."""
    tls = config.acceptor.tls
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0  # sessions are few and long
    _own(config, context, "acceptor.tls", tls.certificate, tls.key)
    if tls.client_ca is not None:
        _issuers(config, context, "acceptor.tls.client_ca", tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def venue_context(config: Config, venue: Venue) -> ssl.SSLContext | None:
    """For a market-data session; None without TLS. ConfigError for a file that cannot be used."""
    tls = venue.tls
    if tls is None:
        return None
    at = f"venue[{config.venue.index(venue)}].tls"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    context.check_hostname = tls.check_server_name
    if tls.ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _issuers(config, context, f"{at}.ca", tls.ca)
    if (tls.certificate is None) != (tls.key is None):
        missing = "certificate" if tls.certificate is None else "key"
        raise ConfigError(Path(config.file), f"{at}.{missing}", ABSENT, "allowed: certificate and key, or neither")
    if tls.certificate is not None and tls.key is not None:
        _own(config, context, at, tls.certificate, tls.key)
    return context


def check_tls(config: Config) -> None:
    """ConfigError for the first certificate or key that cannot be used."""
    server_context(config)
    for venue in config.venue:
        venue_context(config, venue)


def _own(config: Config, context: ssl.SSLContext, at: str, certificate: str, key: str) -> None:
    """Load the service's certificate and its key."""
    _readable(config, f"{at}.certificate", certificate, _BUNDLE)
    try:
        check_private(resolve(config, key))
    except SecretError as error:
        raise ConfigError(Path(config.file), f"{at}.key", key, str(error)) from None
    _readable(config, f"{at}.key", key, "allowed: a PEM file with the key of the certificate")
    try:
        context.load_cert_chain(resolve(config, certificate), resolve(config, key), password=_encrypted)
    except ssl.SSLError as error:
        reason = error.reason or str(error)
        which, value = ("key", key) if "KEY" in reason else ("certificate", certificate)
        allowed = "allowed: a PEM certificate, and the PEM key that belongs to it"
        raise ConfigError(Path(config.file), f"{at}.{which}", value, f"{reason}; {allowed}") from None
    except _Encrypted:
        allowed = "is encrypted; allowed: a key without a password"
        raise ConfigError(Path(config.file), f"{at}.key", key, allowed) from None


class _Encrypted(Exception):
    """An encrypted key, for which the terminal would be asked for a password."""


def _encrypted() -> NoReturn:
    raise _Encrypted


def _issuers(config: Config, context: ssl.SSLContext, key: str, value: str) -> None:
    _readable(config, key, value, _BUNDLE)
    try:
        context.load_verify_locations(resolve(config, value))
    except ssl.SSLError as error:
        raise ConfigError(Path(config.file), key, value, f"{error.reason or error}; {_BUNDLE}") from None


def _readable(config: Config, key: str, value: str, allowed: str) -> None:
    path = resolve(config, value)
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigError(Path(config.file), key, value, f"{path}: {error.strerror}; {allowed}") from None
