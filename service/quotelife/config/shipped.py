"""Files that come with the package: dictionaries and engine settings."""

from importlib.resources import files
from pathlib import Path

FIX_CONFIG = Path(str(files("quotelife") / "fix_config"))
