"""A session's store after `kill -9` at any moment: nothing that was done is lost, and the rest is not there."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from quotelife.fix.session import EXPECTED, NEXT_OUT
from quotelife.fix.store import MappedStore
from tests.paths import ROOT
from tests.stress.session_writer import NAME, message


def killed_writer(path: Path, after_s: float) -> list[list[str]]:
    """Run a writer, and kill it that long after its first step. Returns the steps that it reported."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.stress.session_writer", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert writer.stdout is not None
    first = writer.stdout.readline()
    timer = threading.Timer(after_s, writer.kill)
    timer.start()
    reported = first + writer.stdout.read()
    assert writer.wait(10) == -9
    timer.join()
    lines = reported.decode().splitlines(keepends=True)
    return [line.split() for line in lines if line.endswith("\n")]


@pytest.mark.slow
def test_a_store_is_whole_after_every_kill(tmp_path):
    path, times = tmp_path / "FUND.store", random.Random(1)
    resets, numbers = 0, (1, 1)
    for _ in range(30):
        steps = killed_writer(path, times.uniform(0.0, 0.2))
        resets += ["reset"] in steps
        store = MappedStore(path, NAME)
        expected, next_out = (int(store.sequence[word]) for word in (EXPECTED, NEXT_OUT))
        check_last_step(numbers, steps, (expected, next_out))
        numbers = expected, next_out
        stored = [n for n in range(1, next_out) if n % 3]
        assert len(store) == len(stored)
        assert all(store.find(n) == message(n) for n in stored)
        assert store.first_from(next_out, 1 << 60) is None
        store.close()
    assert resets


def check_last_step(before: tuple[int, int], steps: list[list[str]], found: tuple[int, int]) -> None:
    """At most one step more than reported was begun: a message, of which one word may be counted, or a reset, which was
    announced and may have changed nothing yet. `before` are the numbers before the first step."""
    if steps[-1] == ["resets"]:
        assert found in ((1, 1), numbers_after(before, steps[:-1])), (before, steps[-3:], found)
        return
    expected, next_out = numbers_after(before, steps)
    allowed = (expected, next_out), (expected, next_out + 1), (expected + 1, next_out + 1)
    assert found in allowed, (before, steps[-3:], found)


def numbers_after(before: tuple[int, int], steps: list[list[str]]) -> tuple[int, int]:
    """Expected and next out after steps that are done."""
    if not steps:
        return before
    return (1, 1) if steps[-1] == ["reset"] else (int(steps[-1][2]), int(steps[-1][1]) + 1)
