"""What must be right before the first process is started: a service that cannot start says why, and starts nothing."""

from pathlib import Path

from service.config import Config, ConfigError, check_capture, check_credentials, check_files, check_tls, token
from service.config.sections import LOOPBACK
from service.parameters.versions import load_configured
from service.quoting import pricing


def check(config: Config) -> None:
    """ConfigError on the first thing wrong with what the configuration names. The FIX engine must be there."""
    from service.quoting.engine import trial

    check_files(config)
    check_capture(config)
    check_credentials(config)
    check_tls(config)
    if token(config, "admin") is None and config.admin.host not in LOOPBACK:
        allowed = "allowed: 127.0.0.1, or another address with token_env or token_file"
        raise ConfigError(Path(config.file), "admin.host", config.admin.host, allowed)
    load_configured(config)
    pricing.load(config)
    trial(config)
