"""The command line, as a process: quick help, one-line refusals, exit codes."""

import json
import resource
import subprocess
import sys

import pytest

from tests.log_lines import parse
from tests.paths import ROOT


def quotelife(*arguments: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python, "-m", "quotelife.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def ended_children_cpu_s() -> float:
    """Of the processor, not of the clock: the machine may be busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


COMMANDS = (
    "serve",
    "simulate",
    "import",
    "calibrate",
    "evaluate",
    "backtest",
    "explain",
    "doctor",
    "bench",
    "venue",
    "position",
)


@pytest.fixture(scope="module")
def helps() -> dict[str, list]:
    """Exit code and output of `--help` of every command, from one process."""
    code = """
import contextlib, io, json, sys
from quotelife.cli import main
found = {}
for command in sys.argv[1:]:
    sys.argv[1:] = [command, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    found[command] = [code or 0, out.getvalue()]
print(json.dumps(found))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(helps, command):
    code, output = helps[command]
    assert code == 0
    assert "Usage:" in output and command in output


def test_help_loads_nothing_heavy():
    code = """
import sys
sys.argv = ["quotelife", "--help"]
from quotelife.cli import main
try:
    main()
except SystemExit:
    pass
print([m for m in ("numba", "numpy", "quickfix", "polars", "prometheus_client", "uvloop") if m in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.endswith("[]\n")


def test_version():
    run = quotelife("--version")
    assert run.returncode == 0
    assert run.stdout.startswith("quotelife ")


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_a_wrong_configuration_is_one_line_and_exit_code_2(command, tmp_path):
    file = tmp_path / "q.toml"
    file.write_text("[acceptor]\nport = 'x'\n")
    before_s = ended_children_cpu_s()
    run = quotelife(command, "--config", str(file))
    assert (run.returncode, run.stdout) == (2, "")
    problem = f"{file}: acceptor.port = 'x': allowed: an integer from 0 to 65535"
    if command == "serve":
        (record,) = parse(run.stderr, "text")
        assert (record["process"], record["event"], record["text"]) == ("supervisor", "configuration_invalid", problem)
    else:
        assert run.stderr == f"{problem}\n"
    assert ended_children_cpu_s() - before_s < 5.0, "an error is told before anything is compiled"


def test_an_unknown_option_is_refused():
    run = quotelife("simulate", "--market", "moon")
    assert run.returncode == 2
    assert "sample" in run.stderr


@pytest.mark.parametrize(("module", "says"), [("quickfix", "[binary]"), ("scipy", "[fit]")])
def test_a_missing_package_is_one_line(module, says):
    code = f"""
import sys
from quotelife import cli
def missing():
    raise ModuleNotFoundError(name={module!r})
cli.app = missing
sys.exit(cli.main())
"""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert says in run.stderr


def test_explain_wants_one_quote_or_a_number():
    for arguments in ([], ["Q1", "--last", "2"]):
        run = quotelife("explain", *arguments)
        assert run.returncode == 2
        assert "QuoteID" in run.stderr and "--last" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["calibrate", "--data", "x"], "calibrate: --out is missing; required: "),
        (["import", "--quotes", "a", "b"], "import: --out is missing; required: "),
        (["backtest", "--zzz"], "backtest: no such option: --zzz; allowed: "),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(arguments, says):
    run = quotelife(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith(says) and run.stderr.count("\n") == 1
