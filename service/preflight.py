"""What must be right before the first process is started: a service that cannot start says why, and starts nothing."""

from pathlib import Path

from service.config import Config, ConfigError, check_capture, check_files, password, token
from service.config.sections import LOOPBACK
from service.parameters.versions import load_configured
from service.quoting import pricing


def check(config: Config) -> None:
    """ConfigError on the first thing wrong with what the configuration names. The FIX engine must be there."""
    from service.quoting.engine import trial

    check_files(config)
    check_capture(config)
    for venue in config.venue:
        password(config, venue)
    if token(config, "admin") is None and config.admin.host not in LOOPBACK:
        allowed = "allowed: 127.0.0.1, or another address with token_env or token_file"
        raise ConfigError(Path(config.file), "admin.host", config.admin.host, allowed)
    load_configured(config)
    pricing.load(config)
    trial(config)


def exposure(config: Config) -> str | None:
    """What a look at the listening sockets would show otherwise than configured; None if nothing."""
    if config.acceptor.host not in LOOPBACK:
        return None
    return (
        f"the engine cannot choose an address: it listens on 0.0.0.0:{config.acceptor.port} and lets "
        "nobody log on who does not come from 127.0.0.1 (AllowedRemoteAddresses)"
    )
