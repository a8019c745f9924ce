"""The processes of a run: the bench's venue, the service, the baselines and the load generator."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from quotelife.runtime.module_command import module_command
from quotelife.runtime.process import READY
from quotelife_bench.baselines.dictionary_report import Kept
from quotelife_bench.load.generator import Load, Measured
from quotelife_bench.load.venue import Phase, Played
from quotelife_bench.processes import children

_STOP_S = 30.0


class BenchError(Exception):
    """The bench cannot go on; the text says why."""


class Venue:
    """A venue process; `port` is where it listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def play(self, phase: Phase) -> Played:
        """Send a phase; BenchError if the peer hangs up."""
        return msgspec.json.decode(_ask(self._process, msgspec.json.encode(phase).decode(), "the venue"), type=Played)


class Running:
    """A process of a side, ready; `said` is what it said with READY."""

    def __init__(self, process: subprocess.Popen[str], said: str) -> None:
        self._process, self.said = process, said

    @property
    def pid(self) -> int:
        return self._process.pid

    def processes(self) -> dict[str, int]:
        """The process and its children by name; those of a service are named like its packages."""
        return {"supervisor": self.pid, **children(self.pid)}

    def ask(self) -> Kept:
        """What the dictionary book holds."""
        return msgspec.json.decode(_ask(self._process, "", "the dictionary book"), type=Kept)


def _ask(process: subprocess.Popen[str], line: str, who: str) -> str:
    assert process.stdin is not None and process.stdout is not None
    print(line, file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        raise BenchError(f"{who} has ended")
    return answer


@contextmanager
def venue(rate: float) -> Iterator[Venue]:
    """The venue, sending `rate` messages a second to whoever subscribes."""
    with subprocess.Popen(module_command("quotelife_bench.load.venue", str(rate)), stdin=-1, stdout=-1, text=True) as p:
        assert p.stdin is not None
        try:
            yield Venue(p)
        finally:
            p.stdin.close()


@contextmanager
def service(config_file: Path) -> Iterator[Running]:
    """The whole service, ready."""
    log = config_file.with_name("service.log")
    with _until_ready(module_command("quotelife.cli", "serve", "--config", str(config_file)), log) as running:
        yield running


@contextmanager
def bare(settings: Path) -> Iterator[Running]:
    """The bare acceptor, ready."""
    with _until_ready(
        module_command("quotelife_bench.baselines.bare", str(settings)), settings.with_name("bare.log")
    ) as running:
        yield running


@contextmanager
def echo(folder: Path) -> Iterator[int]:
    """The echo server; its port."""
    with _until_ready(module_command("quotelife_bench.baselines.echo"), folder / "echo.log") as running:
        yield int(running.said)


@contextmanager
def dictionary_book(settings: Path, instruments: int) -> Iterator[Running]:
    """The initiator that keeps a dictionary, started; it connects on its own."""
    command = module_command("quotelife_bench.baselines.dictionary_book", str(settings), str(instruments))
    with _until_ready(command, settings.with_name("initiator.log")) as running:
        yield running


def generate(load: Load) -> Measured:
    """Run the load generator in a process of its own. BenchError if it fails."""
    return msgspec.json.decode(run_module("quotelife_bench.load.generator", msgspec.json.encode(load)), type=Measured)


def run_module(module: str, given: bytes) -> bytes:
    """What a module writes when it is given this; BenchError if it fails."""
    run = subprocess.run(module_command(module), input=given, capture_output=True, check=False)
    if run.returncode != 0:
        raise BenchError(f"{module} failed: {run.stderr.decode().strip()[-2000:]}")
    return run.stdout


@contextmanager
def _until_ready(command: list[str], log: Path) -> Iterator[Running]:
    """The process once it has said READY; ended by the end of its input and SIGTERM."""
    with (
        open(log, "w") as errors,
        subprocess.Popen(command, stdin=-1, stdout=-1, stderr=errors, text=True) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith(READY):
                process.wait(_STOP_S)
                raise BenchError(
                    f"{command[command.index('-m') + 1]} did not start:\n{log.read_text().strip()[-2000:]}"
                )
            yield Running(process, line.removeprefix(READY).strip())
            process.stdin.close()
            process.terminate()
            process.wait(_STOP_S)
        finally:
            if process.poll() is None:
                process.kill()
