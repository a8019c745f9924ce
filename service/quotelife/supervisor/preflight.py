"""Checks before the first process is started, so that a service that cannot start starts nothing."""

import os
from pathlib import Path

from quotelife.config import (
    Config,
    ConfigError,
    check_capture,
    check_credentials,
    check_files,
    check_signing,
    check_tls,
    resolve,
    token,
)
from quotelife.config.sections import Api
from quotelife.config.traces import traced_share
from quotelife.config.value_types import LOOPBACK
from quotelife.decision import pricing
from quotelife.parameters.versions import load_configured


def check(config: Config) -> None:
    """ConfigError for the first problem. Needs the configured FIX engine."""
    from quotelife.acceptor.engine_choice import check_settings

    check_files(config)
    check_capture(config)
    traced_share(os.environ)
    check_credentials(config)
    check_signing(config)
    check_tls(config)
    _check_exposed(config, "admin", config.admin.host)
    if config.api is not None:
        _check_api(config, config.api)
    load_configured(config)
    pricing.load(config)
    check_settings(config)


def _check_exposed(config: Config, section: str, host: str) -> None:
    if token(config, section) is None and host not in LOOPBACK:
        allowed = "allowed: 127.0.0.1, or another address with token_env or token_file"
        raise ConfigError(Path(config.file), f"{section}.host", host, allowed)


def _check_api(config: Config, api: Api) -> None:
    _check_exposed(config, "api", api.host if api.tcp else LOOPBACK[0])
    if not api.tcp and api.socket is None:
        raise ConfigError(Path(config.file), "api.tcp", False, "allowed: true, or a socket to listen on instead")
    if api.socket is not None and not resolve(config, api.socket).parent.is_dir():
        allowed = "allowed: a path in a folder that exists"
        raise ConfigError(Path(config.file), "api.socket", api.socket, allowed)
