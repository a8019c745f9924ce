"""Dependencies point one way. Read from the imports of every module, also those inside functions."""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("service", "models", "fix_config")


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


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
    return (name for name in imports(module) if within(name, *PACKAGES))


def modules(*packages: str) -> list[str]:
    return [module for module in FILES if within(module, *packages)]


def refused(of: list[str], allowed: tuple[str, ...]) -> list[str]:
    return [f"{module} imports {name}" for module in of for name in own(module) if not within(name, *allowed)]


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("service.clock", ()),
        ("service.book", ()),
        ("service.fix", ("service.clock",)),
        ("service.board", ("models.schema",)),
        ("service.features", ("service.book", "service.board", "models.schema")),
        ("service.capture.layout", ()),
        ("service.capture.ring", ("service.board.fences", "service.capture.layout")),
        (
            "service.capture",
            ("models.schema", "service.board", "service.book", "service.features"),
        ),
        ("service.metrics", ("service.clock",)),
        ("service.seldom", ("service.clock",)),
        (
            "service.tls",
            ("service.clock", "service.config", "service.metrics", "service.process", "service.seldom"),
        ),
        ("service.controls", ("service.clock", "service.config")),
        (
            "service.signals",
            (
                "service.board",
                "service.book",
                "service.capture",
                "service.clock",
                "service.config",
                "service.features",
            ),
        ),
        (
            "service.desk",
            (
                "models",
                "service.board",
                "service.clock",
                "service.config",
                "service.controls",
                "service.features",
                "service.journal",
                "service.metrics",
                "service.parameters",
                "service.process",
                "service.quoting",
            ),
        ),
        ("service.config", ("service.board.layout",)),
        (
            "service.marketdata",
            (
                "service.book",
                "service.board",
                "service.capture",
                "service.clock",
                "service.config",
                "service.features",
                "service.fix",
                "service.metrics",
                "service.process",
                "service.quiet",
                "service.signals",
            ),
        ),
        (
            "service.quoting",
            (
                "models",
                "service.board",
                "service.clock",
                "service.config",
                "service.controls",
                "service.features",
                "service.fix",
                "service.journal",
                "service.ledger",
                "service.metrics",
                "service.parameters",
                "service.process",
                "service.quiet",
                "service.seldom",
            ),
        ),
        ("service.parameters", ("models", "service.config")),
        ("service.journal.layout", ("models",)),
        ("service.journal.ring", ("models", "service.board", "service.journal.layout")),
        ("service.journal.decided", ("models", "service.journal.layout", "service.journal.ring")),
        (
            "service.journal",
            (
                "models",
                "service.board",
                "service.capture",
                "service.clock",
                "service.config",
                "service.learning",
                "service.ledger",
                "service.metrics",
                "service.process",
                "service.quiet",
            ),
        ),
        (
            "service.learning",
            (
                "models",
                "service.board",
                "service.capture",
                "service.clock",
                "service.config",
                "service.features",
                "service.journal.layout",
                "service.journal.ring",
                "service.metrics",
                "service.parameters",
            ),
        ),
        (
            "service.ledger",
            (
                "models",
                "service.board",
                "service.clock",
                "service.config",
                "service.journal.layout",
                "service.journal.ring",
            ),
        ),
        (
            "service.api",
            (
                "models",
                "service.board",
                "service.clock",
                "service.config",
                "service.controls",
                "service.http",
                "service.journal",
                "service.metrics",
                "service.parameters",
                "service.process",
                "service.quoting",
            ),
        ),
        ("service.controls", ("service.board", "service.clock", "service.config")),
        ("service.http", ("service.config",)),
        (
            "service.admin",
            (
                "models",
                "service.board",
                "service.clock",
                "service.config",
                "service.controls",
                "service.desk",
                "service.features",
                "service.http",
                "service.metrics",
                "service.process",
                "service.quiet",
                "service.signals",
            ),
        ),
    ],
)
def test_a_package_imports_only_what_is_below_it(package, allowed):
    assert refused(modules(package), (package, *allowed)) == []


def test_models_are_pure():
    deciding = [m for m in modules("models") if not within(m, "models.fit", "models.backtest")]
    libraries = {"numpy", "numba", *sys.stdlib_module_names}
    foreign = [
        f"{module} imports {name}"
        for module in deciding
        for name in imports(module)
        if not within(name, "models") and name.partition(".")[0] not in libraries
    ]
    assert foreign == []
    assert [m for m in deciding for name in own(m) if within(name, "models.fit", "models.backtest")] == []


def test_fitting_uses_the_features_and_the_service_uses_no_fitting():
    below = ("models", "service.features", "service.book", "service.board", "service.capture", "service.clock")
    assert refused(modules("models.fit"), below) == []
    # The backtest prices and decides with the kernels of the service.
    deciding = ("service.quoting.kernel", "service.quoting.pricing", "service.quoting.request")
    configured = (
        "service.config",
        "service.controls.layout",
        "service.journal.layout",
        "service.quoting.selection",
    )
    assert refused(modules("models.backtest"), (*below, *deciding, *configured)) == []
    users = [m for m in modules("service") for name in own(m) if within(name, "models.fit", "models.backtest")]
    # The simulation plays the sample, the doctor looks for it, the command line runs the calibration.
    assert [m for m in users if not within(m, "service.sim", "service.doctor", "service.cli")] == []


def test_the_engine_is_imported_in_few_places():
    users = [m for m in FILES if any(within(name, "quickfix", "quickfix44") for name in imports(m))]
    own = ("service.quoting.engine", "service.quoting.acceptor")
    assert [m for m in users if not within(m, *own, "service.sim", "service.bench")] == []


def test_the_api_starts_without_the_engine():
    """Its process has another interpreter and no need of what FIX takes."""
    reached, waiting = set(), ["service.api.process"]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting += [name for name in own(module) if name in FILES and name not in reached]
    assert not reached & {"service.quoting.engine", "service.quoting.acceptor", "service.quoting.desk"}


def test_the_service_knows_nothing_of_its_peers():
    users = [m for m in modules("service") for name in own(m) if within(name, "service.sim", "service.bench")]
    assert [m for m in users if not within(m, "service.sim", "service.bench", "service.cli")] == []


def _is_kernel_module(module: str) -> bool:
    return any(within(name, "numba") for name in imports(module))


def test_kernel_modules_do_no_io():
    kernels = [m for m in modules("service", "models") if _is_kernel_module(m) and not within(m, "service.bench")]
    assert kernels
    forbidden = ("asyncio", "uvloop", "quickfix", "quickfix44", "prometheus_client", "aiohttp", "socket", "http")
    assert [f"{m} imports {n}" for m in kernels for n in imports(m) if within(n, *forbidden)] == []


def test_nothing_imports_the_supervisor_or_the_command_line():
    above = ("service.supervisor", "service.serving", "service.cli")
    users = {(m, name) for m in FILES for name in own(m) if within(name, *above)}
    assert users <= {("service.serving", "service.supervisor"), ("service.cli", "service.serving")}


def test_what_forks_is_asked_before_anything_is_imported():
    """Numpy's threads, and a second of imports that the others would not have, come with any of these."""
    coming, seen = ["service.serving"], set[str]()
    while coming:
        module = coming.pop()
        if module not in seen:
            seen.add(module)
            coming += [name for name in at_the_top(module) if name in FILES]
    outside = {name.partition(".")[0] for module in seen for name in at_the_top(module)}
    assert "service.nursery" in seen
    assert not outside & {"numpy", "numba", "quickfix", "uvloop", "aiohttp", "prometheus_client"}
