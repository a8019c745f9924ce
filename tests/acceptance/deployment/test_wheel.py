"""A wheel, installed without the repository and used from another folder, does all that the repository does."""

import contextlib
import json
import re
import signal
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

from quotelife.config.shipped import DEMO, EXAMPLES
from tests.acceptance.simulation import free_ports
from tests.acceptance.wheel import Installation, build_wheel
from tests.paths import ROOT

DATA_FILES = (
    "fix_config",
    "service/quotelife/config/examples",
    "service/quotelife/dashboard/static",
    "service/quotelife/report/static",
    "service/quotelife/api/static",
)
READY_S = 500.0  # the first command compiles the kernels

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive and the wheel that is built from it."""
    return build_wheel(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def installed(archives: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installation"), archives[1])


def relocated(installed: Installation, name: str, text: str) -> Path:
    """A configuration in the work folder, as given but for ports that are free and a run folder of its own."""
    ports = iter(free_ports(4))
    text = re.sub(r"^port = \d+", lambda _: f"port = {next(ports)}", text, flags=re.MULTILINE)
    path = installed.work / name
    path.write_text(text.replace("/dev/shm/quotelife", str(installed.work / "run")))
    return path


# --- what is inside


def test_the_wheel_and_the_source_archive_hold_every_data_file(archives):
    archive, wheel = archives
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"quotelife_models/params/{p.name}" for p in (ROOT / "models" / "quotelife_models" / "params").iterdir()}
    for folder in DATA_FILES:
        package = folder.removeprefix("service/") if folder.startswith("service/") else f"quotelife/{folder}"
        files = (p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.is_file())
        wanted |= {f"{package}/{file}" for file in files}
    assert len(wanted) > 20 and wanted - inside == set()
    packages = {"quotelife", "quotelife_models", "quotelife_research", "quotelife_sim", "quotelife_bench"}
    assert {name.split("/")[0] for name in inside if ".dist-info" not in name} == packages
    with tarfile.open(archive) as source:
        names = source.getnames()
    assert any(name.endswith("/service/quotelife/fix_config/FIX44.xml") for name in names)


def test_the_metadata_is_complete(archives):
    with zipfile.ZipFile(archives[1]) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Author"] == "quotelife developers"
    assert metadata["License-Expression"] == "Apache-2.0" and metadata["Keywords"] and metadata["Summary"]
    assert len(metadata.get_all("Classifier", [])) > 5 and metadata.get_all("Project-URL")
    assert {"binary", "source", "capture", "signing", "fit", "bench", "otel", "plots", "report"} <= set(
        metadata.get_all("Provides-Extra", [])
    )


# --- what it does, quickly


def test_modules_and_files_come_from_the_wheel(installed):
    code = """
import json, quotelife, quotelife_bench, quotelife_models, quotelife_research, quotelife_sim
from quotelife.config import shipped
from quotelife_models.parameters import SHIPPED
modules = (quotelife, quotelife_bench, quotelife_models, quotelife_research, quotelife_sim)
files = [*shipped.EXAMPLES.values(), shipped.STARTER, shipped.ENGINE_SETTINGS, shipped.DASHBOARD / "main.js"]
print(json.dumps([m.__file__ for m in modules] + [str(f) for f in files if f.is_file()] + [str(SHIPPED)]))
"""
    found = json.loads(installed.evaluate(code))
    assert len(found) == 11
    assert [path for path in found if not path.startswith(f"{installed.packages}/")] == []


def test_venue_profiles_are_found_in_the_installation(installed):
    code = """
import json
from quotelife.config import shipped
from quotelife.config.venues.profiles import read_profile, shipped_profiles
titles = {name: read_profile(shipped.VENUES / f"{name}.toml").title for name in shipped_profiles()}
print(json.dumps([str(shipped.VENUES), titles]))
"""
    folder, titles = json.loads(installed.evaluate(code))
    assert folder.startswith(f"{installed.packages}/")
    assert set(titles) == {path.stem for path in (ROOT / "fix_config" / "venues").glob("*.toml")}
    assert "generic" in titles


def test_help_and_init(installed):
    code, output = installed.quotelife("--help")
    assert code == 0 and "simulate" in output
    folder = installed.work / "desk"
    code, output = installed.quotelife("init", "desk")
    assert (code, list(folder.iterdir())) == (0, [folder / "quotelife.toml"])
    code, output = installed.quotelife("init", "desk")
    assert code == 2 and str(folder / "quotelife.toml") in output and output.count("\n") == 1


def test_a_missing_extra_is_one_line(installed):
    """`quotelife bench` needs a library that the extra [bench] brings."""
    code, output = installed.quotelife("bench")
    assert (code, output.count("\n")) == (1, 1) and "[bench]" in output


# --- what it does, whole


@pytest.mark.slow
def test_doctor_accepts_the_starter_and_the_examples(installed):
    installed.quotelife("init", "checked")
    path = relocated(installed, "checked.toml", (installed.work / "checked" / "quotelife.toml").read_text())
    code, output = installed.quotelife("doctor", "--config", str(path), timeout=READY_S)
    assert code == 0 and " 0 failed" in output, output
    for example in EXAMPLES:
        code, output = installed.quotelife("doctor", "--config", example)
        assert code == 0 and " 0 failed" in output, output


@pytest.mark.slow
def test_serve_runs_with_the_starter(installed):
    installed.quotelife("init", "served")
    text = (installed.work / "served" / "quotelife.toml").read_text()
    with served(installed, relocated(installed, "served.toml", text)) as address:
        for name in ("main.js", "uPlot.iife.min.js"):
            assert name in page(f"{address}/") or page(f"{address}/{name}")
        assert "quotelife_" in page(f"{address}/metrics")


@pytest.mark.slow
def test_simulate_exchanges_quotes_and_explains_them(installed):
    path = relocated(installed, "simulation.toml", DEMO.read_text())
    command = ("simulate", "--market", "synthetic", "--duration", "5", "--config", str(path), "--json", "result.json")
    code, output = installed.quotelife(*command, timeout=READY_S)
    assert code == 0, output
    assert json.loads((installed.work / "result.json").read_bytes())["summary"]["quotes"] > 0
    assert (installed.work / "demo" / "journal").exists()
    written = {path.relative_to(installed.packages).parts[0] for path in installed.packages.rglob("*.sqlite")}
    assert written == set(), "nothing is written into the installation"


@contextlib.contextmanager
def served(installed: Installation, path: Path) -> Iterator[str]:
    """`quotelife serve`, alive; ended by SIGTERM with exit code 0. Its address over HTTP."""
    port = int(path.read_text().split("[admin]")[1].split("port = ")[1].split()[0])
    address = f"http://127.0.0.1:{port}"
    process = installed.start("serve", "--config", str(path))
    try:
        deadline = time.monotonic() + READY_S
        while not page(f"{address}/livez"):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield address
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    finally:
        process.kill()
        process.wait()


def page(url: str) -> str:
    """The answer; empty unless it is OK."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())
    return ""
