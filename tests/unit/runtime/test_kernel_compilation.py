"""Compilation at the first start: each kernel once, modules in the order of their imports."""

import os
import subprocess
import sys

from quotelife.runtime import kernel_compilation
from tests.paths import ROOT


def test_kernel_modules_are_found_with_those_that_they_call():
    found = kernel_compilation.dependencies(kernel_compilation.ROOTS)
    kernels, needed = found["quotelife_models.hazard"]
    assert kernels > 1 and needed == {"quotelife_models.covariates"}
    assert "quotelife_models.hazard" in found["quotelife.decision.kernel"][1]
    assert "quotelife.market.features.evaluate" in found["quotelife.decision.kernel"][1]
    assert "quotelife.runtime.clock" not in found and "quotelife.runtime.kernel_compilation" not in found
    order: list[str] = []
    while len(order) < len(found):
        coming = [m for m, (_, needs) in found.items() if m not in order and needs <= set(order)]
        assert coming, "modules need each other"
        order += coming


def test_only_the_kernels_of_the_configured_engine_are_compiled(monkeypatch, tmp_path):
    compiled: list[set[str]] = []
    monkeypatch.setattr(kernel_compilation, "_compile", lambda needs: compiled.append(set(needs)) or True)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kernel_compilation.ensure("quickfix")
    kernel_compilation.ensure("quickfix")
    assert len(compiled) == 1, "the second start of the same engine has nothing to do"
    kernel_compilation.ensure("native")
    kernel_compilation.ensure()
    kernel_compilation.ensure("native")
    of_quickfix, of_native, of_both = compiled
    assert of_native - of_quickfix == {"quotelife.acceptor.native.plain_turn"}
    assert of_both == of_native | of_quickfix and "quotelife.rfq.plain.kernel" in of_quickfix


def test_the_module_that_the_longest_chain_waits_for_is_compiled_first():
    needs = {"leaf": (9, set()), "a": (1, set()), "b": (5, {"a"}), "c": (5, {"a", "b"})}
    assert kernel_compilation.longest_chains(needs) == {"leaf": 9, "a": 11, "b": 10, "c": 5}


def test_progress_is_reported_from_none_to_all(tmp_path, monkeypatch):
    seen: list[tuple[int, int]] = []

    def compile_kernels(needs) -> bool:
        for number in range(3):
            (tmp_path / f"{number}.nbi").touch()
        return True

    monkeypatch.setattr(kernel_compilation, "_compile", compile_kernels)
    monkeypatch.setattr(kernel_compilation, "dependencies", lambda roots, without: {"m": (3, set())})
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kernel_compilation.ensure("quickfix", lambda compiled, total: seen.append((compiled, total)))
    assert seen[-1] == (3, 3) and all(total == 3 for _, total in seen)


def test_each_kernel_is_compiled_once_with_progress(tmp_path):
    code = """
from quotelife.config.sections import Log
from quotelife import logs
from quotelife.runtime import kernel_compilation
logs.configure("supervisor", Log())
kernel_compilation.dependencies = lambda roots, without: {
    "quotelife_models.tolerance": (1, set()), "quotelife_models.response": (4, {"quotelife_models.tolerance"})
}
kernel_compilation.ensure()
"""
    environment = {**os.environ, "QUOTELIFE_KERNELS": str(tmp_path)}

    def start() -> str:
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return run.stderr

    said = start()
    assert " of 5 compiled" in said and "kernels compiled in" in said
    kept = sorted(path.name for path in tmp_path.rglob("*.nbc"))
    assert len(kept) == 5
    assert start() == "", "the second start has nothing to do"
    assert sorted(path.name for path in tmp_path.rglob("*.nbc")) == kept


def test_failed_compilation_is_logged_and_repeated_at_the_next_start(tmp_path):
    code = """
from quotelife.config.sections import Log
from quotelife import logs
from quotelife.runtime import kernel_compilation
logs.configure("supervisor", Log())
kernel_compilation.dependencies = lambda roots, without: {"quotelife.no_such_module": (1, set())}
kernel_compilation.ensure()
"""
    environment = {**os.environ, "QUOTELIFE_KERNELS": str(tmp_path)}
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert "quotelife.no_such_module cannot be compiled" in run.stderr
