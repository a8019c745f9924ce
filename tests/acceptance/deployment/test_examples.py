"""deploy/examples: the Python one runs against the demo, those in C++ and Java are compiled where that is possible."""

import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from quotelife_research.data import l3
from tests.acceptance.sim.test_simulate import Simulation
from tests.acceptance.simulation import configuration
from tests.paths import ROOT

EXAMPLES = ROOT / "deploy" / "examples"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a demo that runs; it reports at its end as if the user had interrupted it."""
    if l3.find_sample() is None:
        pytest.skip("the order-book sample (package ob-analytics) is not installed")
    config = configuration(tmp_path_factory.mktemp("demo"))
    running = Simulation(config, "--duration", "0")
    try:
        assert any("BTC-USD" in line for line in running.lines()), "".join(running.output)
        yield int(tomllib.loads(config.read_text())["acceptor"]["port"])
        running.process.send_signal(signal.SIGINT)
        code, output, _ = running.finish()
        assert code == 0, output
    finally:
        running.stop()


def test_the_python_example_runs_every_step_against_the_demo(demo: int) -> None:
    script = EXAMPLES / "python" / "oms.py"
    ran = subprocess.run(
        [sys.executable, str(script), "127.0.0.1", str(demo)], capture_output=True, text=True, timeout=200, check=False
    )
    said = ran.stdout
    assert ran.returncode == 0, said + ran.stderr
    assert re.search(r"and hit\n(  .*\n)*  filled 0\.05 at \d+, ExecID E\S+\nask to sell", said), said
    assert "\n  passed\n" in said, said
    assert re.search(r"subscribe(.*\n)(  .*\n)*  quote \S+: ETH-USD(.*\n)+  quote \S+: ETH-USD", said), said
    assert "\n  unsubscribed: cancelled by the client\n" in said, said
    assert re.search(r"    bought BTC-USD at \d+\n    sold ETH-USD at [\d.]+\nlogged out\ndone\n$", said), said


def engine_headers() -> Path | None:
    """The headers of the C++ engine: installed ones, or those of its source archive in uv's cache."""
    installed = [Path(prefix) / "include" / "quickfix" for prefix in ("/usr/local", "/usr")]
    unpacked = (Path.home() / ".cache" / "uv").glob("sdists-*/pypi/quickfix/*/*/src/C++")
    return next((folder for folder in (*installed, *unpacked) if (folder / "SocketInitiator.h").exists()), None)


def test_the_cpp_example_compiles(tmp_path: Path) -> None:
    headers = engine_headers()
    if shutil.which("g++") is None or headers is None:
        pytest.skip("deploy/examples/cpp/oms.cpp is not compiled: no g++, or no headers of QuickFIX")
    (tmp_path / "quickfix").symlink_to(headers)
    command = ["g++", "-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", f"-I{tmp_path}", "-isystem", str(headers)]
    ran = subprocess.run([*command, str(EXAMPLES / "cpp" / "oms.cpp")], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "oms.cpp:" not in "\n".join(line for line in ran.stderr.splitlines() if "warning:" in line), ran.stderr


def engine_jars() -> list[Path]:
    """QuickFIX/J in Maven's local repository."""
    return sorted((Path.home() / ".m2" / "repository" / "org" / "quickfixj").rglob("*.jar"))


def test_the_java_example_compiles(tmp_path: Path) -> None:
    jars = engine_jars()
    if shutil.which("javac") is None or not jars:
        pytest.skip("deploy/examples/java/Oms.java is not compiled: no javac, or no jars of QuickFIX/J")
    classes = ":".join(map(str, jars))
    command = ["javac", "-cp", classes, "-d", str(tmp_path), str(EXAMPLES / "java" / "Oms.java")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_example_is_in_the_page_and_takes_the_same_steps() -> None:
    page = (EXAMPLES / "README.md").read_text()
    steps = []
    for path in sorted(path for path in EXAMPLES.rglob("*") if path.suffix in (".py", ".cpp", ".java")):
        assert str(path.relative_to(ROOT)) in page
        steps.append(re.findall(r'"((?:ask|subscribe) [^"]*)"', path.read_text()))
    assert len(steps) == 3 and len(steps[0]) == 4 and steps[0] == steps[1] == steps[2]
