"""A wheel of the repository, installed with its required dependencies alone in an environment of its own."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.paths import ROOT

_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "service", "models", "fix_config")
_FOREIGN = ("models", "service", "fix_config", "tests")


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, **options)  # type: ignore[call-overload,no-any-return]


def build_wheel(folder: Path) -> tuple[Path, Path]:
    """Build the source archive, and from that the wheel, as an installer without a network would."""
    source = folder / "source"
    source.mkdir()
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    code = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    run(sys.executable, "-c", code, cwd=source)
    [archive] = folder.glob("*.tar.gz")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    run(*pip, "--wheel-dir", folder, archive, cwd=folder)
    [wheel] = folder.glob("*.whl")
    return archive, wheel


def _needed(name: str, extras: frozenset[str], found: set[str]) -> Iterator[str]:
    """The distribution and all that it requires, each once."""
    if name.lower() in found:
        return
    found.add(name.lower())
    yield name
    for text in distribution(name).requires or ():
        required = Requirement(text)
        wanted = [{"extra": extra} for extra in extras] or [{"extra": ""}]
        if required.marker is None or any(required.marker.evaluate(each) for each in wanted):
            yield from _needed(required.name, frozenset(required.extras), found)


def _engine() -> str:
    """The extra whose engine is installed here."""
    try:
        distribution("quickfix-tls")
    except PackageNotFoundError:
        return "source"
    return "binary"


class Installation:
    """`quotelife` installed from a wheel with its engine. Commands run in a folder with foreign packages in the way."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        environment = folder / "environment"
        venv.create(environment, with_pip=False)
        self.python = environment / "bin" / "python"
        pip = (sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet")
        run(*pip, "--no-index", "--no-deps", "--no-compile", wheel)
        self.program = environment / "bin" / "quotelife"
        [self.packages] = environment.glob("lib/python*/site-packages")
        self._link_dependencies(folder / "dependencies")
        self.work = folder / "work"
        for place in (self.work, folder / "foreign"):
            for name in _FOREIGN:
                (place / name).mkdir(parents=True)
                (place / name / "__init__.py").write_text(f"raise ImportError('a foreign package: {place / name}')\n")
        self.home = folder / "home"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": str(folder / "foreign"),
            "NUMBA_CACHE_DIR": str(folder / "kernels"),
        }

    def _link_dependencies(self, folder: Path) -> None:
        """Make the distributions that a plain installation has, and no others, importable in the environment."""
        folder.mkdir()
        for name in _needed("quotelife", frozenset((_engine(),)), set()):
            if name == "quotelife":
                continue
            found = distribution(name)
            for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
                link = folder / top
                if not link.exists():
                    link.symlink_to(Path(str(found.locate_file(top))))
        (self.packages / "dependencies.pth").write_text(f"{folder}\n")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in the work folder; its output, errors included, is a pipe."""
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def quotelife(self, *arguments: str, timeout: float = 300.0) -> tuple[int, str]:
        """Exit code and output of a command."""
        process = self.start(*arguments)
        try:
            output, _ = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return process.returncode, output

    def evaluate(self, code: str) -> str:
        """What a piece of Python prints there; kernels are not compiled."""
        environment = {**self.environment, "NUMBA_DISABLE_JIT": "1"}
        return run(self.python, "-c", code, cwd=self.work, env=environment).stdout
