"""Where compiled kernels are kept between starts.

Numba keeps a kernel beside its source and compiles it again when that file has changed, but not when a file it calls
into has: after an update a kernel could go on running another module's old code, without a word. So kernels are kept in
a folder named after the content of every module that defines one, and of every module that those import.

Called by the packages' own `__init__`, before anything imports numba: this module must not import it either.
"""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

KEPT = 4  # folders of other versions that stay, newest first: changing between two branches does not compile each time
_IMPORT = re.compile(r"^from ([\w.]+) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_NAME = re.compile(r"\w+")
_FOR_NUMBA = "NUMBA_CACHE_DIR"
SHIPPED = "share/quotelife/kernels"  # below sys.prefix: compiled when the installation was made, as in an image
_HOME = "QUOTELIFE_KERNELS"  # set for child processes, which find the variable above pointing to a version's folder


def home() -> Path:
    """The folder of all versions: NUMBA_CACHE_DIR as the user has set it, else one in the user's cache folder."""
    chosen = os.environ.get(_HOME) or os.environ.get(_FOR_NUMBA)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quotelife"


def use_kernel_cache(packages: Sequence[Path]) -> Path:
    """Have kernels that are defined from now on kept in the folder of these packages' sources; returns it."""
    top = home()
    folder = top / digest(packages)
    if not folder.exists():
        _tidy(folder)
        _bring(folder)
    os.environ[_HOME] = str(top)
    os.environ[_FOR_NUMBA] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder


def digest(packages: Sequence[Path]) -> str:
    """Names the content of all modules that kernels of these packages depend on, and the version of the compiler."""
    sources = {path: path.read_text(encoding="utf-8") for package in packages for path in package.rglob("*.py")}
    seen = hashlib.sha256(version("numba").encode())
    for path in sorted(_needed(sources)):
        seen.update(path.name.encode())
        seen.update(sources[path].encode())
    return seen.hexdigest()[:16]


def _needed(sources: dict[Path, str]) -> set[Path]:
    """The modules that define kernels, and what they import, directly or not."""
    by_name = {path.with_suffix("").parts: path for path in sources}
    needed: set[Path] = set()
    coming = [path for path, text in sources.items() if "njit" in text]
    while coming:
        path = coming.pop()
        if path in needed:
            continue
        needed.add(path)
        for module, names in _IMPORT.findall(sources[path]):
            parts = tuple(module.split("."))
            wanted = [parts] + [(*parts, name) for name in _NAME.findall(names)]
            coming += [found for known, found in by_name.items() if any(known[-len(w) :] == w for w in wanted)]
    return needed


def _bring(folder: Path) -> None:
    """Copy the kernels that the installation has brought, if any: numba reads only from folders it can write to."""
    shipped = Path(sys.prefix) / SHIPPED / folder.name
    if not shipped.is_dir() or shipped == folder:
        return
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        shutil.copytree(shipped, fresh)
        fresh.rename(folder)
    except OSError:  # another process was quicker, or there is no room: then they are compiled
        shutil.rmtree(fresh, ignore_errors=True)


def _tidy(coming: Path) -> None:
    """Remove all but the newest folders of other versions. What cannot be removed stays."""
    others = [path for path in coming.parent.glob("[0-9a-f]" * len(coming.name)) if path.is_dir()]
    for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
