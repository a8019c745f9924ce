"""Secrets named by the configuration: in a variable of the environment or in a file, never in the configuration."""

import os
from pathlib import Path

from quotelife.config.load import ConfigError, resolve
from quotelife.config.sections import Config

MIN_TOKEN = 16  # characters


def token(config: Config, section: str) -> str | None:
    """The token of [admin] or [api], from `token_env` or `token_file`; None if neither is set.

    ConfigError if both are, or if it is not there, too short, or nothing that a header can carry.
    """
    settings = getattr(config, section)
    env, file = settings.token_env, settings.token_file
    if env is not None and file is not None:
        raise _error(config, f"{section}.token_file", file, "allowed: this or token_env, not both")
    if env is not None:
        key, named, value = f"{section}.token_env", env, os.environ.get(env)
        if value is None:
            raise _error(config, key, env, "no such variable; allowed: one that is set")
    elif file is not None:
        key, named = f"{section}.token_file", file
        try:
            value = resolve(config, file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise _error(config, key, file, f"cannot be read ({reason}); allowed: a file with the token") from None
    else:
        return None
    value = value.strip()
    if len(value) < MIN_TOKEN or not (value.isascii() and value.isprintable() and " " not in value):
        allowed = f"the token there is not usable; allowed: at least {MIN_TOKEN} printable ASCII characters, no blanks"
        raise _error(config, key, named, allowed)
    return value


def _error(config: Config, key: str, value: str, allowed: str) -> ConfigError:
    return ConfigError(Path(config.file), key, value, allowed)
