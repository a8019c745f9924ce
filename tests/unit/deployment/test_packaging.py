"""What is shipped: locks that agree and name no place, scripts that a plain shell can read."""

import re
import subprocess
import tomllib

import pytest

from tests.paths import ROOT

LOCKS = ROOT / "deploy" / "requirements"


def pins(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+==\S+(?: ; .*?)?) \\$", (LOCKS / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", sorted(p.name for p in LOCKS.glob("*.txt")))
def test_locks_have_hashes_and_no_addresses(lock):
    text = (LOCKS / lock).read_text()
    for line in text.splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==\S+( ; .*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line)


def test_the_test_lock_holds_the_demo_lock():
    assert pins("demo")
    assert pins("demo") < pins("test")


def test_the_images_locks_are_parts_of_the_source_lock():
    """The engine has a layer of its own, built before the rest is installed."""
    assert {pin.split("==")[0] for pin in pins("engine")} == {"quickfix"}
    assert {pin.split("==")[0] for pin in pins("build")} == {"packaging", "setuptools", "wheel"}
    assert pins("engine") | pins("build") < pins("source")


def test_the_demo_can_capture_and_run_the_bench_and_brings_no_calibration():
    names = {pin.split("==")[0] for pin in pins("demo")}
    assert {"hdrhistogram", "pyarrow"} <= names
    assert names.isdisjoint({"lightgbm", "matplotlib", "polars", "scipy", "pytest"})


def test_one_engine_in_each_lock():
    engines = {name: [p for p in pins(name) if p.startswith("quickfix")] for name in ("demo", "test", "source")}
    assert engines == {
        "demo": ["quickfix-tls==1.16.0.1rc1"],
        "test": ["quickfix-tls==1.16.0.1rc1"],
        "source": ["quickfix==1.16.0"],
    }


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = {
        re.split(r"[=>\[]", d)[0] for d in project["dependencies"] + extras["binary"] + extras["fit"] + extras["test"]
    }
    assert names - {"quotelife"} <= {p.split("==")[0] for p in pins("test")}


@pytest.mark.parametrize("script", sorted(p.name for p in (ROOT / "deploy").glob("*.sh")))
def test_scripts_are_sound_shell(script):
    path = ROOT / "deploy" / script
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", path], check=True, timeout=10)


def test_an_old_python_is_refused_in_one_line(tmp_path):
    copy = tmp_path / "deploy"
    copy.mkdir()
    (copy / "requirements").mkdir()
    for name in ("demo", "sample"):
        (copy / "requirements" / f"{name}.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    (copy / "install.sh").write_text((ROOT / "deploy" / "install.sh").read_text())
    run = subprocess.run(
        ["sh", copy / "install.sh", "demo"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "false"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "needs Python 3.11" in run.stderr
    assert not (tmp_path / ".venv").exists()
