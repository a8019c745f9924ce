"""Configuration: one TOML file, read in one place into small frozen structs."""

from quotelife.config.load import ConfigError, check_capture, check_files, load, resolve, settings_file
from quotelife.config.secrets import check_credentials, password, password_hash, token
from quotelife.config.sections import Client, Config, Instrument, Rule, Venue
from quotelife.config.tls import check_tls, server_context, venue_context

__all__ = [
    "Client",
    "Config",
    "ConfigError",
    "Instrument",
    "Rule",
    "Venue",
    "check_capture",
    "check_credentials",
    "check_files",
    "check_tls",
    "load",
    "password",
    "password_hash",
    "resolve",
    "server_context",
    "settings_file",
    "token",
    "venue_context",
]
