"""Processes of a simulation: their lines arrive, they end with their input, by SIGTERM, and say why they failed."""

import queue
from pathlib import Path

from quotelife.config.shipped import DEMO
from quotelife_sim.child_process import ChildProcess, OutputLine
from quotelife_sim.engine_settings import COMMON, write_settings
from quotelife_sim.plan import Plan, scales

WAIT_S = 20.0
ECHO = "import sys\nprint('up', flush=True)\nfor line in sys.stdin: print('heard', line.strip(), flush=True)\n"
DEAF = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"


Lines = queue.Queue[OutputLine]


def child(tmp_path: Path, monkeypatch, code: str, ends_with_input: bool = True) -> tuple[ChildProcess, Lines]:
    (tmp_path / "spoken.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lines: Lines = queue.Queue()
    return ChildProcess("spoken", ["spoken"], lines, tmp_path / "log", ends_with_input), lines


def test_a_process_reads_lines_and_ends_with_its_input(tmp_path: Path, monkeypatch) -> None:
    process, lines = child(tmp_path, monkeypatch, ECHO)
    assert lines.get(timeout=WAIT_S) == OutputLine("spoken", "up")
    process.send_line("you")
    assert lines.get(timeout=WAIT_S).text == "heard you"
    process.stop()
    assert process.exit_code() == 0
    assert lines.get(timeout=WAIT_S).ended
    process.send_line("nobody listens any more")


def test_a_process_that_does_not_read_is_terminated(tmp_path: Path, monkeypatch) -> None:
    process, lines = child(tmp_path, monkeypatch, DEAF, ends_with_input=False)
    lines.get(timeout=WAIT_S)
    process.stop()
    assert process.exit_code() not in (None, 0)


def test_the_log_tail_of_a_failed_process_is_available(tmp_path: Path, monkeypatch) -> None:
    process, lines = child(tmp_path, monkeypatch, "raise SystemExit('no such thing')")
    assert lines.get(timeout=WAIT_S).ended
    assert process.log_tail() == "no such thing"
    process.stop()


def test_a_plan_survives_a_round_trip(tmp_path: Path) -> None:
    plan = Plan(market="sample", config=str(DEMO), directory=str(tmp_path), seed=3, duration_s=1.5, instruments=2)
    assert Plan.read(plan.write()) == plan
    btc = scales(plan.configuration())["BTC-USD"]
    assert (btc.price(78_360), btc.size(5_000_000), btc.ticks("78360.5")) == ("78360", "0.05000000", 78360.5)


def test_engine_settings_have_a_default_and_session_sections(tmp_path: Path) -> None:
    path = write_settings(tmp_path / "cfg", COMMON, [{"SenderCompID": "A"}, {"SenderCompID": "B"}])
    text = path.read_text()
    assert text.startswith("[DEFAULT]\nBeginString=FIX.4.4\n")
    assert text.count("[SESSION]") == 2 and text.endswith("SenderCompID=B\n")
