"""Dependencies point one way. Read from the imports of every module, also those inside functions."""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.paths import ROOT

SOURCE_ROOTS = (ROOT / "service", ROOT / "models")

# The layers of the service, lowest first. A folder imports only folders that stand before it in this list; the lines
# are the layers of the design, the order inside a line is part of the rule.
# quotelife_models stands first because it imports nothing of the service, and its enums are used everywhere.
LAYERS = (
    ("quotelife_models", "logs", "config", "runtime", "shm", "metrics", "fix", "http"),
    ("market",),
    ("signals", "controls", "parameters", "journal", "ledger", "marketdata", "decision"),
    ("rfq", "recorder"),
    ("acceptor", "api", "explain", "report", "dashboard", "admin", "diagnostics"),
    ("supervisor", "cli"),
)
ORDER = [name if name.startswith("quotelife") else f"quotelife.{name}" for layer in LAYERS for name in layer]
# Who uses the service, and is used by nothing in it.
OUTSIDE = {
    "quotelife_research": ("quotelife", "quotelife_models"),
    "quotelife_sim": ("quotelife", "quotelife_models", "quotelife_research"),
    "quotelife_bench": ("quotelife", "quotelife_models"),
}


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path, root): path for root in SOURCE_ROOTS for path in sorted(root.rglob("*.py"))}


@cache
def imports(module: str) -> frozenset[str]:
    """Full names of what the module imports; `from a import b` is a.b where that is a module, a otherwise."""
    return _imports(module, ast.walk(ast.parse(FILES[module].read_text())))


def at_the_top(module: str) -> frozenset[str]:
    """Those that it imports when it is imported."""
    return _imports(module, ast.parse(FILES[module].read_text()).body)


def _imports(module: str, nodes: Iterable[ast.AST]) -> frozenset[str]:
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            assert node.module is not None
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names.update(inside & FILES.keys() or {node.module})
    return frozenset(names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def own(module: str) -> Iterator[str]:
    """Of this project, but for the package itself, which imports nothing of its own."""
    return (name for name in imports(module) if within(name, *ORDER, "quotelife", *OUTSIDE) and name != "quotelife")


def modules(*packages: str) -> list[str]:
    return [module for module in FILES if within(module, *packages)]


def refused(of: list[str], allowed: tuple[str, ...]) -> list[str]:
    return [f"{module} imports {name}" for module in of for name in own(module) if not within(name, *allowed)]


def test_every_module_is_in_a_layer():
    assert [m for m in FILES if not within(m, *ORDER, *OUTSIDE) and m != "quotelife"] == []


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_folders_below_it(folder):
    below = ORDER[: ORDER.index(folder)]
    assert refused(modules(folder), (folder, *below)) == []


@pytest.mark.parametrize("package", OUTSIDE)
def test_what_stands_beside_the_service_imports_only_what_it_may(package):
    assert refused(modules(package), (package, *OUTSIDE[package])) == []


def test_the_models_import_numpy_and_numba_alone():
    libraries = {"numpy", "numba", "quotelife_models", *sys.stdlib_module_names}
    foreign = [
        f"{module} imports {name}"
        for module in modules("quotelife_models")
        for name in imports(module)
        if name.partition(".")[0] not in libraries
    ]
    assert foreign == []


def test_the_engine_is_imported_in_one_room():
    users = [m for m in FILES if any(within(name, "quickfix", "quickfix44") for name in imports(m))]
    assert [m for m in users if not within(m, "quotelife.acceptor.quickfix", "quotelife_sim", "quotelife_bench")] == []


def test_what_acceptors_share_does_not_depend_on_one_of_them():
    shared = modules("quotelife.acceptor.common", "quotelife.acceptor.tls", "quotelife.acceptor.shutdown")
    assert [f"{m} imports {n}" for m in shared for n in imports(m) if within(n, "quotelife.acceptor.quickfix")] == []


def test_the_native_engine_needs_no_quickfix():
    reached, waiting = set[str](), ["quotelife.acceptor.process", "quotelife.acceptor.native.acceptor"]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting += [name for name in at_the_top(module) if name in FILES and name not in reached]
    assert [m for m in reached if within(m, "quotelife.acceptor.quickfix")] == []


def test_deciding_knows_no_fix_and_no_sockets():
    forbidden = ("quotelife.fix", "quickfix", "socket", "asyncio", "uvloop")
    assert [
        f"{m} imports {n}" for m in modules("quotelife.decision") for n in imports(m) if within(n, *forbidden)
    ] == []


def test_the_api_starts_without_the_engine():
    """Its process has another interpreter and no need of what FIX takes."""
    reached, waiting = set(), ["quotelife.api.process"]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting += [name for name in own(module) if name in FILES and name not in reached]
    assert [m for m in reached if within(m, "quotelife.acceptor", "quotelife.rfq")] == []


def _is_kernel_module(module: str) -> bool:
    return any(within(name, "numba") for name in imports(module))


def test_kernel_modules_do_no_io():
    kernels = [m for m in FILES if _is_kernel_module(m) and not within(m, "quotelife_bench")]
    assert kernels
    forbidden = ("asyncio", "uvloop", "quickfix", "quickfix44", "prometheus_client", "aiohttp", "socket", "http")
    assert [f"{m} imports {n}" for m in kernels for n in imports(m) if within(n, *forbidden)] == []


def test_what_forks_is_asked_before_anything_is_imported():
    """Numpy's threads, and a second of imports that the others would not have, come with any of these."""
    coming, seen = ["quotelife.supervisor.serve"], set[str]()
    while coming:
        module = coming.pop()
        if module not in seen:
            seen.add(module)
            coming += [name for name in at_the_top(module) if name in FILES]
    outside = {name.partition(".")[0] for module in seen for name in at_the_top(module)}
    assert "quotelife.runtime.fork_server" in seen
    assert not outside & {"numpy", "numba", "quickfix", "uvloop", "aiohttp", "prometheus_client"}
