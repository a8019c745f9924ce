"""The kernel cache: a kernel is compiled again when its module, or a module that it calls, has changed."""

import os
import subprocess
import sys
from pathlib import Path

import numba

from quotelife_models import kernel_cache

_CALLED = """
from numba import njit

@njit("int64()", cache=True)
def number():
    return {number}
"""
_CALLING = """
from numba import njit
from toy.called import number

@njit("int64()", cache=True)
def twice():
    return 2 * number()

print(twice())
"""
_PACKAGE = """
from pathlib import Path
from quotelife_models.kernel_cache import use_kernel_cache
use_kernel_cache([Path(__file__).parent])
"""
ROOT = Path(kernel_cache.__file__).parents[1]


def toy(folder: Path, number: int, cache: str = "cache", before: str = "") -> str:
    """What a kernel prints that calls one of another module, in a process of its own that runs `before` first."""
    package = folder / "toy"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text(_PACKAGE)
    calling = package / "calling.py"
    for path, text in ((package / "called.py", _CALLED.format(number=number)), (calling, _CALLING)):
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    environment = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "QUOTELIFE_KERNELS")}
    environment |= {"XDG_CACHE_HOME": str(folder / cache), "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    program = f"{before}\nimport toy.calling"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_a_change_in_a_called_module_reaches_its_callers(tmp_path):
    assert toy(tmp_path, 21) == "42"
    assert toy(tmp_path, 4) == "8"
    kept = list((tmp_path / "cache" / "quotelife").iterdir())
    assert len(kept) >= 2, "a folder for each version"


def test_kernels_that_came_with_the_installation_are_used_and_their_folder_is_only_read(tmp_path):
    assert toy(tmp_path, 21) == "42"
    shipped = tmp_path / "installation" / kernel_cache.SHIPPED
    (tmp_path / "cache" / "quotelife").rename(_parent(shipped))
    contents = {path: path.stat().st_mtime_ns for path in shipped.rglob("*")}
    installed = f"import sys; sys.prefix = {str(tmp_path / 'installation')!r}"
    watched = f"{installed}\nimport numba.core.compiler as c\nc.compile_extra = None  # nothing can be compiled"
    assert toy(tmp_path, 21, "writable", watched) == "42"
    assert len(list((tmp_path / "writable" / "quotelife").iterdir())) == 1
    assert {path: path.stat().st_mtime_ns for path in shipped.rglob("*")} == contents
    assert toy(tmp_path, 4, "writable", installed) == "8", "those of other sources are not"


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    return path


def test_the_digest_covers_kernels_and_what_they_import(tmp_path):
    package = tmp_path / "toy"
    package.mkdir()
    (package / "kernel.py").write_text("from numba import njit\nfrom toy import (\n    layout as L,\n)\n")
    (package / "layout.py").write_text("from toy.sizes import SIZE\n")
    (package / "sizes.py").write_text("SIZE = 1\n")
    (package / "page.py").write_text("from toy import kernel\n")
    first = kernel_cache.digest([package])
    assert kernel_cache.digest([package]) == first
    (package / "page.py").write_text("from toy import kernel  # what only uses kernels does not matter\n")
    assert kernel_cache.digest([package]) == first
    for name in ("kernel", "layout", "sizes"):
        path = package / f"{name}.py"
        path.write_text(path.read_text() + "# changed\n")
        assert kernel_cache.digest([package]) != first
        first = kernel_cache.digest([package])


def test_old_versions_are_removed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("QUOTELIFE_KERNELS", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "x"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", numba.config.CACHE_DIR)  # put back afterwards
    for age in range(7):
        old = tmp_path / f"{age:016x}"
        old.mkdir()
        os.utime(old, (1000 - age, 1000 - age))
    (tmp_path / "something else").mkdir()
    source = tmp_path / "package"
    source.mkdir()
    before = os.environ["NUMBA_CACHE_DIR"]
    folder = kernel_cache.use_kernel_cache([source])
    assert folder.parent == tmp_path and os.environ["NUMBA_CACHE_DIR"] == str(folder) != before
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [f"{age:016x}" for age in range(kernel_cache.MAX_OTHER_VERSIONS)] + ["package", "something else"]
