"""The bare acceptor in C++: where it cannot be built the reason is named, and its archive is the locked one."""

import io
import tarfile
from pathlib import Path

import pytest

from quotelife_bench import benches
from quotelife_bench.baselines.cpp import build
from tests.paths import ROOT

needs_compiler = pytest.mark.skipif(build._compiler() is None, reason="no C++ compiler")


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """A cache folder without an engine."""
    monkeypatch.setenv("QUOTELIFE_KERNELS", str(tmp_path / "cache"))
    return tmp_path / "cache"


def archive(command: tuple[object, ...]) -> None:
    """What `pip download` leaves behind, with a tiny engine."""
    path = Path(str(command[-1])) / "quickfix-1.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for name, text in {"Message.cpp": "int message() { return 1; }", "QuickfixPython.cpp": "no code"}.items():
            member = tarfile.TarInfo(f"quickfix-1/C++/{name}")
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))


def test_the_archive_is_the_one_that_is_locked():
    assert build.REQUIREMENTS.read_text() == (ROOT / "deploy/requirements/engine.txt").read_text()


def test_without_a_compiler_that_is_the_reason(monkeypatch, home):
    monkeypatch.setattr(build, "_COMPILERS", ("no-such-compiler",))
    for attempt in (build.find, lambda: build.build(print)):
        with pytest.raises(build.NotBuiltError, match=r"^no C\+\+ compiler$"):
            attempt()


def test_what_is_not_built_names_the_command_that_builds_it(home):
    with pytest.raises(build.NotBuiltError, match="not built: quotelife bench cpp-engine"):
        build.find()


def test_without_the_archive_that_is_the_reason(monkeypatch, home, capsys, tmp_path):
    monkeypatch.setattr(build, "REQUIREMENTS", tmp_path / "requirements.txt")
    build.REQUIREMENTS.write_text("quickfix==1.16.0 --hash=sha256:no\n")  # pip refuses it without a look-up
    assert benches.build_cpp_engine() == 1
    assert "C++ engine: archive not available: " in capsys.readouterr().err
    assert [path for path in home.rglob("*") if path.is_file()] == []


@needs_compiler
def test_it_is_built_once_and_kept_until_its_source_changes(monkeypatch, home, tmp_path):
    source = tmp_path / "acceptor.cpp"
    monkeypatch.setattr(build, "SOURCE", source)
    run = build._run
    monkeypatch.setattr(build, "_run", lambda *command: archive(command) if "pip" in command else run(*command))
    built = []
    for code in ("message() - 1", "message() - 1", "0"):
        source.write_text(f"int message(); int main() {{ return {code}; }}")
        steps: list[str] = []
        assert build.build(steps.append) == build.find()
        built.append(steps)
    engine = ["downloading the engine's source archive", "compiling the engine: 1 of 1, Message.cpp"]
    assert built == [[*engine, "compiling the acceptor"], [], ["compiling the acceptor"]]


@needs_compiler
def test_an_error_of_the_compiler_is_quoted(monkeypatch, home, tmp_path):
    monkeypatch.setattr(build, "SOURCE", tmp_path / "acceptor.cpp")
    build.SOURCE.write_text("int main() { return nothing; }")
    run = build._run
    monkeypatch.setattr(build, "_run", lambda *command: archive(command) if "pip" in command else run(*command))
    with pytest.raises(build.NotBuiltError, match=r"(?s)failed: .*nothing"):
        build.build(print)
