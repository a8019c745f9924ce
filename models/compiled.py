"""Where compiled kernels are kept between starts.

Numba keeps a kernel beside its source and compiles it again when that file has changed, but not when a file it calls
into has: after an update a kernel could go on running another module's old code, without a word. So kernels are kept in
a folder named after the content of every source file they may come from.

Called by the packages' own `__init__`, before anything imports numba: this module must not import it either.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

KEPT = 4  # folders of other versions that stay, newest first: changing between two branches does not compile each time
_FOR_NUMBA = "NUMBA_CACHE_DIR"
_HOME = "QUOTELIFE_KERNELS"  # set for child processes, which find the variable above pointing to a version's folder


def home() -> Path:
    """The folder of all versions: NUMBA_CACHE_DIR as the user has set it, else one in the user's cache folder."""
    chosen = os.environ.get(_HOME) or os.environ.get(_FOR_NUMBA)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quotelife"


def keep(packages: Sequence[Path]) -> Path:
    """Have kernels that are defined from now on kept in the folder of these packages' sources; returns it."""
    top = home()
    folder = top / digest(packages)
    if not folder.exists():
        _tidy(folder)
    os.environ[_HOME] = str(top)
    os.environ[_FOR_NUMBA] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder


def digest(packages: Sequence[Path]) -> str:
    """Names the content of all source files of the packages, and the version of the compiler."""
    seen = hashlib.sha256(version("numba").encode())
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            seen.update(path.relative_to(package.parent).as_posix().encode())
            seen.update(path.read_bytes())
    return seen.hexdigest()[:16]


def _tidy(coming: Path) -> None:
    """Remove all but the newest folders of other versions. What cannot be removed stays."""
    others = [path for path in coming.parent.glob("[0-9a-f]" * len(coming.name)) if path.is_dir()]
    for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
