"""The folder in which compiled kernels are cached between starts.

Numba caches a kernel beside its source and compiles it again when that file changes, but not when a file that it calls
changes: after an update a kernel could silently run another module's old code. So kernels are cached in a folder named
after the content of every module that defines one, and of every module that those import.

The packages call this from their `__init__`, before numba is imported: this module must not import it either.
"""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

MAX_OTHER_VERSIONS = 4  # newest folders that stay: switching between branches does not compile each time
_IMPORT = re.compile(r"^from ([\w.]+) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_NAME = re.compile(r"\w+")
_FOR_NUMBA = "NUMBA_CACHE_DIR"
SHIPPED = "share/quotelife/kernels"  # below sys.prefix: compiled when an image was built
_HOME = "QUOTELIFE_KERNELS"  # for child processes, whose NUMBA_CACHE_DIR is the folder of one version


def home() -> Path:
    """The folder of all versions: NUMBA_CACHE_DIR as set by the user, else one in the user's cache folder."""
    chosen = os.environ.get(_HOME) or os.environ.get(_FOR_NUMBA)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quotelife"


def use_kernel_cache(packages: Sequence[Path]) -> Path:
    """Cache the kernels that are defined from now on in the folder of these packages' sources; returns that folder."""
    top = home()
    folder = top / digest(packages)
    if not folder.exists():
        _remove_old(folder)
        _copy_shipped(folder)
    os.environ[_HOME] = str(top)
    os.environ[_FOR_NUMBA] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder


def digest(packages: Sequence[Path]) -> str:
    """Hash of all modules that the kernels of these packages depend on, and of the compiler's version."""
    sources = {path: path.read_text(encoding="utf-8") for package in packages for path in package.rglob("*.py")}
    seen = hashlib.sha256(version("numba").encode())
    for path in sorted(_needed(sources)):
        seen.update(path.name.encode())
        seen.update(sources[path].encode())
    return seen.hexdigest()[:16]


def _needed(sources: dict[Path, str]) -> set[Path]:
    """The modules that define kernels, and those that they import, directly or indirectly."""
    by_name = {path.with_suffix("").parts: path for path in sources}
    needed: set[Path] = set()
    waiting = [path for path, text in sources.items() if "njit" in text]
    while waiting:
        path = waiting.pop()
        if path in needed:
            continue
        needed.add(path)
        for module, names in _IMPORT.findall(sources[path]):
            parts = tuple(module.split("."))
            wanted = [parts] + [(*parts, name) for name in _NAME.findall(names)]
            waiting += [found for known, found in by_name.items() if any(known[-len(w) :] == w for w in wanted)]
    return needed


def _copy_shipped(folder: Path) -> None:
    """Copy the kernels that came with the installation, if any: numba only reads folders that it can write to."""
    shipped = Path(sys.prefix) / SHIPPED / folder.name
    if not shipped.is_dir() or shipped == folder:
        return
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        shutil.copytree(shipped, fresh)
        fresh.rename(folder)
    except OSError:  # another process was faster, or the disk is full: kernels are compiled instead
        shutil.rmtree(fresh, ignore_errors=True)


def _remove_old(folder: Path) -> None:
    """Remove all but the newest folders of other versions; errors are ignored."""
    others = [path for path in folder.parent.glob("[0-9a-f]" * len(folder.name)) if path.is_dir()]
    for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[MAX_OTHER_VERSIONS:]:
        shutil.rmtree(old, ignore_errors=True)
