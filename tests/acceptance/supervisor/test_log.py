"""Every line of a service's standard error is a line of its log: start, restart of a process, wrong port, stop."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from quotelife_bench.configuration import free_port
from quotelife_bench.processes import children
from tests.log_lines import parse
from tests.paths import ROOT

WAIT_S = 100.0  # compiling included


class StartedService:
    """`quotelife serve` with the configuration that `quotelife init` writes; there is no venue."""

    def __init__(self, folder: Path, log_format: str) -> None:
        self.log_format = log_format
        quotelife("init", str(folder))
        self.file = folder / "quotelife.toml"
        text = self.file.read_text().replace('run = "/dev/shm/quotelife"', f'run = "{folder}/run"')
        for port, chosen in ((9880, free_port()), (9890, free_port()), (9464, 0)):
            text = text.replace(f"port = {port}", f"port = {chosen}")
        self.file.write_text(text)
        self.process = subprocess.Popen(
            command("serve", "--config", str(self.file), "--log-format", log_format),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.lines: list[str] = []
        self.late = threading.Timer(WAIT_S, self.process.terminate)
        self.late.start()

    def await_event(self, event: str, **fields: object) -> None:
        """Read the log until a line names this event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if event in line and all(str(value) in line for value in fields.values()):
                return
        raise AssertionError("".join(self.lines))

    def stop(self) -> int:
        """SIGTERM. Returns the exit code."""
        assert self.process.stderr is not None
        self.process.terminate()
        self.lines += self.process.stderr.readlines()
        return self.process.wait(30)

    def close(self) -> None:
        self.late.cancel()
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def records(self) -> list[dict[str, Any]]:
        return parse("".join(self.lines), self.log_format)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "quotelife.cli", *arguments]


def quotelife(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False)


@pytest.mark.timeout(3 * WAIT_S)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_line_of_a_service_is_one_of_its_log(tmp_path, log_format):
    with contextlib.closing(StartedService(tmp_path, log_format)) as service:
        service.await_event("service_ready")
        os.kill(children(service.process.pid)["recorder"], signal.SIGKILL)
        service.await_event("process_restarted", child="recorder")
        service.await_event("process_ready", child="recorder")
        second = quotelife("serve", "--config", str(service.file), "--log-format", log_format)
        assert service.stop() == 0
        records = service.records()
    events = {(record["process"], record["event"]) for record in records}
    assert events >= {
        ("supervisor", "service_ready"),
        ("supervisor", "process_restarted"),
        ("supervisor", "service_stopping"),
        ("fork-server", "module_imported"),
        ("marketdata", "ready"),
        ("quoting", "state_restored"),
        ("recorder", "ready"),
    }
    assert second.returncode == 2
    (refused,) = [record for record in parse(second.stderr, log_format) if record["level"] == "ERROR"]
    assert refused["event"] == "configuration_invalid" and "is in use" in refused["text"]
