"""The option --config, which most commands have."""

from pathlib import Path
from typing import Annotated

import typer

from quotelife.config.shipped import DEMO, EXAMPLES
from quotelife.config.starter import FILE_NAME

CONFIG_HELP = f"Configuration file (TOML), or the name of an example: {', '.join(EXAMPLES)}."


def default_config() -> Path:
    """`quotelife.toml` in the current folder; the demo configuration where there is no such file."""
    path = Path(FILE_NAME)
    return path if path.is_file() else DEMO


def config_path(value: str | Path) -> Path:
    """The file that --config names: a path, or an example by its name."""
    path = Path(value)
    return path if path.is_file() else EXAMPLES.get(str(value), path)


ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        default_factory=default_config,
        parser=config_path,
        metavar="FILE",
        show_default=f"{FILE_NAME} in this folder, else demo",
        help=CONFIG_HELP,
    ),
]
OptionalConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", parser=config_path, metavar="FILE", show_default=False, help=CONFIG_HELP),
]
