"""The map of the service: what it names exists, and a request opens at most 14 files from bytes to Quote."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "service" / "README.md").read_text()
TABLE, WAY, PLACES = re.split(r"^## .+$", TEXT, flags=re.MULTILINE)


def test_the_page_fits_one_screen():
    assert len(TEXT.splitlines()) <= 45


def test_named_paths_exist():
    named = set(re.findall(r"`((?:service|models|fix_config)/[\w./-]+)`", TEXT))
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_folder_is_in_the_table():
    cells = [line.split("|")[1] for line in TABLE.splitlines() if line.startswith("| `")]
    package = ROOT / "service" / "quotelife"
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)} == folders | {"cli.py"}


def test_the_way_of_a_request_opens_at_most_14_files():
    files = re.findall(r"^\d+\. `([\w./]+)`", WAY, re.MULTILINE)
    assert 10 <= len(files) <= 14 and len(set(files)) == len(files)
    assert all(name.endswith(".py") and (ROOT / name).is_file() for name in files)


def test_every_place_starts_with_a_file():
    lines = [line for line in PLACES.splitlines() if line.startswith("- ")]
    assert lines and all(re.search(r"`[\w./-]+\.(?:py|md)`", line) for line in lines)
