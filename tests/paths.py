"""Where the repository is, for tests that read its files or start its processes."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
