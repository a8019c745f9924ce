"""The entry of a process: end with the parent, configuration, logging, exit codes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from quotelife.config import Config, ConfigError
from quotelife.config.shipped import DEMO
from quotelife.runtime import process
from tests.log_lines import parse
from tests.paths import ROOT
from tests.readiness import readable


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_child_ends_with_its_parent():
    code = """
import subprocess, sys
child = "import time; from quotelife.runtime.process import *; end_with_parent(); announce_ready('c'); time.sleep(60)"
subprocess.run([sys.executable, "-c", child])
"""
    parent = python(code)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "READY c\n"
    parent.kill()
    # The child holds the other end of the pipe: its end is the pipe's.
    assert readable(parent.stdout, 20)
    assert parent.stdout.read() == ""
    parent.wait()
    assert parent.stderr is not None
    parent.stdout.close()
    parent.stderr.close()


def test_child_of_a_dead_parent_ends_at_once():
    code = """
import os, signal, quotelife.runtime.process as p
parents = iter([1, 2])
p.os.getppid = lambda: next(parents)
p.end_with_parent()
"""
    child = python(code)
    child.communicate(timeout=20)
    assert child.returncode == -signal.SIGTERM


def test_invalid_configuration_is_one_line_and_exit_code_2(tmp_path):
    file = tmp_path / "q.toml"
    file.write_text("[acceptor]\nport = -1\n")
    child = python("import sys, quotelife.runtime.process as p; p.read_configuration(sys.argv[1])", str(file))
    out, err = child.communicate(timeout=20)
    assert child.returncode == 2
    assert out == ""
    assert err == f"{file}: acceptor.port = -1: allowed: an integer from 0 to 65535\n"


def test_valid_configuration_is_returned():
    code = "import sys, quotelife.runtime.process as p; print(p.read_configuration(sys.argv[1]).acceptor.port)"
    assert python(code, str(DEMO)).communicate(timeout=20)[0] == "9880\n"


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch, log_restored: None) -> None:
    """This process does not end with its parent, and its logging is restored."""
    monkeypatch.setattr(process, "end_with_parent", lambda: None)


def entry(outcome: int | Exception, *arguments: str) -> int:
    def serve(config: Config) -> int:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return process.run_process(serve, ["--config", str(DEMO), *arguments], "recorder", OSError)


def test_exit_code_is_that_of_serve(in_this_process, capsys):
    assert entry(0) == 0 and entry(1) == 1
    assert capsys.readouterr().err == ""


def test_configuration_error_while_serving_is_one_line_and_exit_code_2(in_this_process, capsys):
    assert entry(ConfigError(Path("q.toml"), "paths.run", "x", "allowed: a folder")) == 2
    (record,) = parse(capsys.readouterr().err, "text")
    assert record["text"] == "q.toml: paths.run = 'x': allowed: a folder"
    assert (record["level"], record["process"], record["event"]) == ("ERROR", "recorder", "configuration_invalid")


def test_unreadable_configuration_is_one_line_of_the_log_in_the_requested_format(in_this_process, tmp_path, capsys):
    arguments = ["--config", str(tmp_path / "none.toml"), "--log-format", "json"]
    assert process.run_process(lambda config: 0, arguments, "recorder") == 2
    (record,) = parse(capsys.readouterr().err, "json")
    assert record["event"] == "configuration_invalid" and "none.toml" in record["text"]


def test_expected_failure_is_one_log_line_and_exit_code_1(in_this_process, capsys):
    assert entry(OSError("no space"), "--log-format", "json") == 1
    record = json.loads(capsys.readouterr().err)
    assert (record["level"], record["process"], record["text"]) == ("ERROR", "recorder", "no space")


def test_unexpected_exception_is_logged_with_its_traceback_and_exit_code_1(in_this_process, capsys):
    assert entry(ValueError("wrong"), "--log-format", "json") == 1
    record = json.loads(capsys.readouterr().err)
    assert record["level"] == "ERROR" and record["exception"].endswith("ValueError: wrong")
