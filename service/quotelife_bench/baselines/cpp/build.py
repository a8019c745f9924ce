"""Builds the bare acceptor in C++ from the FIX engine's official source archive, once, and keeps it.

The archive is the one that the extra [source] builds, with the same hash (`requirements.txt`). Only the engine is
compiled, without its Python binding: some four minutes on two cores. The result stays in the user's cache folder,
beside the compiled kernels: the engine as a library while the archive is the same, the acceptor while its source is.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from quotelife_models import kernel_cache

_FOLDER = Path(__file__).parent
SOURCE, REQUIREMENTS = _FOLDER / "acceptor.cpp", _FOLDER / "requirements.txt"
_PYTHON_BINDING = "QuickfixPython.cpp"
_FLAGS = ("-std=c++17", "-O2", "-w")
_COMPILERS = ("c++", "g++", "clang++")
_LIBRARY = "libquickfix.a"
_LAST_CHARACTERS = 500  # of a tool's output that a message quotes


class NotBuiltError(Exception):
    """The acceptor is not there, or cannot be built; the text gives the reason."""


def find() -> Path:
    """The acceptor that was built before; NotBuiltError with what to do if there is none."""
    acceptor = _acceptor()
    if acceptor.exists():
        return acceptor
    if _compiler() is None:
        raise NotBuiltError("no C++ compiler")
    raise NotBuiltError("not built: quotelife bench cpp-engine builds it")


def build(report: Callable[[str], None]) -> Path:
    """The acceptor, built if it is not there; `report` receives what is done. NotBuiltError if that is impossible."""
    acceptor = _acceptor()
    if acceptor.exists():
        return acceptor
    compiler = _compiler()
    if compiler is None:
        raise NotBuiltError("no C++ compiler")
    library = _engine_folder() / _LIBRARY
    if not library.exists():
        _build_engine(compiler, library.parent, report)
    report("compiling the acceptor")
    fresh = acceptor.with_name(f"{acceptor.name}.{os.getpid()}")
    _run(compiler, *_FLAGS, f"-I{library.parent}", SOURCE, library, "-lpthread", "-o", fresh)
    fresh.rename(acceptor)
    return acceptor


def _build_engine(compiler: str, folder: Path, report: Callable[[str], None]) -> None:
    """Fill `folder` with the engine's headers and library."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        report("downloading the engine's source archive")
        sources = _unpack(Path(place))
        files = sorted(path for path in sources.glob("*.cpp") if path.name != _PYTHON_BINDING)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for n, path in enumerate(pool.map(lambda path: _compile(compiler, path), files), 1):
                report(f"compiling the engine: {n} of {len(files)}, {path.name}")
        _run("ar", "rcs", sources / _LIBRARY, *(path.with_suffix(".o") for path in files))
        for path in sources.iterdir():
            if path.suffix in (".cpp", ".o"):
                path.unlink()
        shutil.rmtree(folder, ignore_errors=True)  # left by a run that was stopped: it has no library
        sources.rename(folder)


def _unpack(place: Path) -> Path:
    """The folder of the engine's sources, from the archive that pip has downloaded and checked."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    try:
        _run(*pip, "--no-binary", ":all:", "--require-hashes", "-r", REQUIREMENTS, "-d", place)
    except NotBuiltError as error:
        raise NotBuiltError(f"archive not available: {error}") from None
    [archive] = place.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz")) / "C++"


def _compile(compiler: str, path: Path) -> Path:
    _run(compiler, *_FLAGS, f"-I{path.parent}", "-c", path, "-o", path.with_suffix(".o"))
    return path


def _run(*command: str | Path) -> None:
    """Run a tool; NotBuiltError with the end of its output if it fails."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise NotBuiltError(f"{Path(command[0]).name} failed: {run.stderr.strip()[-_LAST_CHARACTERS:]}")


def _compiler() -> str | None:
    return next((found for name in _COMPILERS if (found := shutil.which(name))), None)


def _engine_folder() -> Path:
    return kernel_cache.home() / f"cpp-engine-{_digest(REQUIREMENTS)}"


def _acceptor() -> Path:
    return _engine_folder() / f"acceptor-{_digest(SOURCE)}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
