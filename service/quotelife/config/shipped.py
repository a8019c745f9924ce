"""Files that are installed with the package: dictionaries, engine settings, page files, example configurations."""

import os
from importlib.resources import files
from pathlib import Path

from quotelife.config.sections import Config

_PACKAGE = Path(str(files("quotelife")))
FIX_CONFIG = _PACKAGE / "fix_config"
ENGINE_SETTINGS = FIX_CONFIG / "acceptor.cfg"
VENUES = FIX_CONFIG / "venues"
DASHBOARD = _PACKAGE / "dashboard" / "static"
_EXAMPLES = _PACKAGE / "config" / "examples"
DEMO = _EXAMPLES / "demo.toml"
ETH_NEWS_SHOCK = _EXAMPLES / "eth-news-shock.toml"
STARTER = _EXAMPLES / "starter.toml"
EXAMPLES = {path.stem: path for path in (DEMO, ETH_NEWS_SHOCK)}  # by the names that --config accepts


def user_data_folder() -> Path:
    """Where the example configurations keep their data: $XDG_DATA_HOME/quotelife or ~/.local/share/quotelife."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "quotelife"


def base_folder(file: Path) -> Path:
    """The folder that relative paths of a configuration file refer to.

    It is the file's own folder, but for the examples, which are installed where nothing may be written."""
    return user_data_folder() if file in EXAMPLES.values() else file.parent


def resolve(config: Config, text: str) -> Path:
    """An absolute path from one of the configuration, which is relative to the file's folder (see `base_folder`)."""
    return (base_folder(Path(config.file)) / text).resolve()
