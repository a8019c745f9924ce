"""What a process writes to the standard error past its log, and exceptions that nothing handles."""

import subprocess
import sys

import pytest

from tests.log_lines import parse
from tests.paths import ROOT

PROGRAM = """
import asyncio, gc, sys, threading
from quotelife import logs
from quotelife.config.sections import Log

def fail(*_):
    raise ValueError("nobody handles this")

class Fails:
    __del__ = fail

async def loop():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.01)

logs.configure("recorder", Log(format=sys.argv[1]))
with logs.standard_error_as_lines():
    logs.configure("recorder", Log(format=sys.argv[1]))
    print("a library", "speaks", file=sys.stderr)
    print("half", end="", file=sys.stderr)
    print(" a line\\nand one without an end", end="", file=sys.stderr)
    sys.stderr.flush()
    threading.Thread(target=fail, name="worker").start()
    Fails()
    asyncio.run(loop())
fail()
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_output_and_exceptions_are_lines_of_the_log(log_format):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1 and run.stdout == ""
    records = [record for record in parse(run.stderr, log_format) if not record["text"].startswith("| ")]
    shown = [(record["event"], record["text"].partition(" logger=")[0]) for record in records]
    assert [text for event, text in shown if event == "process_output"] == [
        "a library speaks",
        "half a line",
        "and one without an end",
    ]
    assert [event for event, _ in shown].count("uncaught_exception") == 3, "a thread, a destructor, the main thread"
    assert any(e == "unexpected_exception" and t.startswith("Exception in callback fail()") for e, t in shown)
    assert run.stderr.count("ValueError: nobody handles this") == 4


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_program_of_its_own_writes_only_lines_of_the_log(log_format):
    """A compiler of kernels: the module that it is given warns, and writes past the log."""
    run = subprocess.run(
        [sys.executable, "-m", "quotelife.runtime.kernel_compilation", "info", log_format],
        input="tests.unit.logs.talkative\n", cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == "tests.unit.logs.talkative\n"
    records = parse(run.stderr, log_format)
    assert {(record["process"], record["event"]) for record in records} == {
        ("compilation", "process_output"),
        ("compilation", "python_warning"),
    }
