"""Configuration: one TOML file, read in one place into small frozen structs."""

from quotelife.config.client_sections import Client
from quotelife.config.instrument_sections import Instrument
from quotelife.config.load import check_capture, check_files, load, settings_file
from quotelife.config.secrets import check_credentials, password, password_hash, token, venue_secret
from quotelife.config.sections import Config, Rule, Venue
from quotelife.config.shipped import resolve
from quotelife.config.tls import check_tls, server_context, venue_context
from quotelife.config.toml_file import ConfigError
from quotelife.config.venues.profiles import load_profile
from quotelife.config.venues.signing import check_signing
from quotelife.config.venues.venue_profile import VenueProfile

__all__ = [
    "Client",
    "Config",
    "ConfigError",
    "Instrument",
    "Rule",
    "Venue",
    "VenueProfile",
    "check_capture",
    "check_credentials",
    "check_files",
    "check_signing",
    "check_tls",
    "load",
    "load_profile",
    "password",
    "password_hash",
    "resolve",
    "server_context",
    "settings_file",
    "token",
    "venue_context",
    "venue_secret",
]
