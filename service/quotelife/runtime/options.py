"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

DEMO = Path(__file__).parents[3] / "deploy" / "quotelife.toml"
ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="Configuration file (TOML).")]
