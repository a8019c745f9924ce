"""The first start: modules with kernels, in the order of their imports, each compiled once."""

import os
import subprocess
import sys
from pathlib import Path

from service import compiling

ROOT = Path(__file__).parents[2]


def test_the_modules_with_kernels_are_found_with_what_they_call():
    found = compiling.dependencies(compiling.ROOTS)
    kernels, needed = found["models.hazard"]
    assert kernels > 1 and needed == {"models.covariates"}
    assert "models.hazard" in found["service.quoting.kernel"][1]
    assert "service.features.evaluate" in found["service.quoting.kernel"][1]
    assert "service.clock" not in found and "service.compiling" not in found
    order: list[str] = []
    while len(order) < len(found):
        coming = [m for m, (_, needs) in found.items() if m not in order and needs <= set(order)]
        assert coming, "modules need each other"
        order += coming


def test_each_kernel_is_compiled_once_and_progress_is_said(tmp_path):
    code = """
from service import compiling
compiling.dependencies = lambda roots: {"models.tolerance": (1, set()), "models.response": (4, {"models.tolerance"})}
compiling.ensure()
"""
    environment = {**os.environ, "QUOTELIFE_KERNELS": str(tmp_path)}

    def start() -> str:
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return run.stderr

    said = start()
    assert " of 5 kernels" in said and "kernels compiled in" in said
    kept = sorted(path.name for path in tmp_path.rglob("*.nbc"))
    assert len(kept) == 5
    assert start() == "", "the second start has nothing to do"
    assert sorted(path.name for path in tmp_path.rglob("*.nbc")) == kept


def test_a_module_that_cannot_be_compiled_is_told_and_tried_again(tmp_path):
    code = """
from service import compiling
compiling.dependencies = lambda roots: {"service.no_such_module": (1, set())}
compiling.ensure()
"""
    environment = {**os.environ, "QUOTELIFE_KERNELS": str(tmp_path)}
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert "service.no_such_module cannot be compiled" in run.stderr
