"""Configuration: one TOML file, read in one place into small frozen structs."""

from service.config.load import ConfigError, check_capture, check_files, load, password, resolve
from service.config.secret import token
from service.config.sections import Client, Config, Instrument, Rule, Venue

__all__ = [
    "Client",
    "Config",
    "ConfigError",
    "Instrument",
    "Rule",
    "Venue",
    "check_capture",
    "check_files",
    "load",
    "password",
    "resolve",
    "token",
]
