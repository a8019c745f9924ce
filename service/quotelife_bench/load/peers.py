"""Starts the processes of a bench run: venue, service, baselines, load generator."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from quotelife.runtime.module_command import module_command
from quotelife.runtime.process import READY
from quotelife_bench.baselines.dictionary_report import BookReport
from quotelife_bench.load.generator import Load, LoadResult
from quotelife_bench.load.venue import Phase, PhaseResult
from quotelife_bench.processes import children

_STOP_S = 30.0


class BenchError(Exception):
    """The bench cannot continue; the text gives the reason."""


class VenueProcess:
    """A venue process that listens on `port`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def set_rate(self, rate: float) -> None:
        """Send that many messages a second from now on; returns when the subscriber has processed the earlier ones."""
        self.play(Phase(rate_afterwards=rate))

    def play(self, phase: Phase) -> PhaseResult:
        """Send a phase; BenchError if the process ends."""
        return msgspec.json.decode(
            _request(self._process, msgspec.json.encode(phase).decode(), "the venue"), type=PhaseResult
        )


class PeerProcess:
    """A process that has reported ready; `ready_text` is the text after READY."""

    def __init__(self, process: subprocess.Popen[str], ready_text: str) -> None:
        self._process, self.ready_text = process, ready_text

    @property
    def pid(self) -> int:
        return self._process.pid

    def processes(self) -> dict[str, int]:
        """Process ids of the process and its children, by name."""
        return {"supervisor": self.pid, **children(self.pid)}

    def book_report(self) -> BookReport:
        """The state of the dictionary book."""
        return msgspec.json.decode(_request(self._process, "", "the dictionary book"), type=BookReport)


def _request(process: subprocess.Popen[str], line: str, who: str) -> str:
    assert process.stdin is not None and process.stdout is not None
    print(line, file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        raise BenchError(f"{who} has ended")
    return answer


@contextmanager
def venue(rate: float, moves: float = 0.0, moving: int = 0) -> Iterator[VenueProcess]:
    """The venue, sending `rate` messages a second to its subscriber, and moving the books of the first `moving`
    instruments `moves` times a second."""
    command = module_command("quotelife_bench.load.venue", str(rate), str(moves), str(moving))
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as p:
        assert p.stdin is not None
        try:
            yield VenueProcess(p)
        finally:
            p.stdin.close()


@contextmanager
def service(config_file: Path) -> Iterator[PeerProcess]:
    """The whole service, ready."""
    log = config_file.with_name("service.log")
    with _ready_process(module_command("quotelife.cli", "serve", "--config", str(config_file)), log) as running:
        yield running


@contextmanager
def bare(settings: Path, rows: Path | None = None) -> Iterator[PeerProcess]:
    """The bare acceptor, ready; with `rows` it answers hits, each after a row in this file."""
    arguments = [str(settings)] if rows is None else [str(settings), str(rows)]
    with _ready_process(
        module_command("quotelife_bench.baselines.bare", *arguments), settings.with_name("bare.log")
    ) as running:
        yield running


@contextmanager
def cpp(acceptor: Path, settings: Path) -> Iterator[PeerProcess]:
    """The bare acceptor in C++, ready."""
    with _ready_process([str(acceptor), str(settings)], settings.with_name("cpp.log")) as running:
        yield running


@contextmanager
def echo(folder: Path) -> Iterator[PeerProcess]:
    """The echo server; `ready_text` is its port."""
    with _ready_process(module_command("quotelife_bench.baselines.echo"), folder / "echo.log") as running:
        yield running


@contextmanager
def dictionary_book(settings: Path, instruments: int) -> Iterator[PeerProcess]:
    """The dictionary-book initiator, started; it connects by itself."""
    command = module_command("quotelife_bench.baselines.dictionary_book", str(settings), str(instruments))
    with _ready_process(command, settings.with_name("initiator.log")) as running:
        yield running


class GeneratorProcess:
    """The load generator; it stays between loads, so that its start is not part of any."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(self, load: Load) -> LoadResult:
        """Send a load. BenchError if it fails."""
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None and stdout is not None and stderr is not None
        stdin.write(msgspec.json.encode(load) + b"\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise BenchError(f"the load generator failed: {stderr.read().decode().strip()[-2000:]}")
        return msgspec.json.decode(answer, type=LoadResult)


@contextmanager
def generator() -> Iterator[GeneratorProcess]:
    """The load generator, in a process of its own."""
    command = module_command("quotelife_bench.load.generator")
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as process:
        yield GeneratorProcess(process)  # the end of its input ends it


def generate(load: Load) -> LoadResult:
    """Run the load generator for a single load. BenchError if it fails."""
    with generator() as process:
        return process.run(load)


def run_module(module: str, stdin: bytes) -> bytes:
    """The output of a module for this input; BenchError if it fails."""
    run = subprocess.run(module_command(module), input=stdin, capture_output=True, check=False)
    if run.returncode != 0:
        raise BenchError(f"{module} failed: {run.stderr.decode().strip()[-2000:]}")
    return run.stdout


@contextmanager
def _ready_process(command: list[str], log: Path) -> Iterator[PeerProcess]:
    """The process after it has printed READY; stopped by the end of its input and SIGTERM."""
    with (
        open(log, "w") as errors,
        subprocess.Popen(command, stdin=-1, stdout=-1, stderr=errors, text=True) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith(READY):
                process.wait(_STOP_S)
                name = command[command.index("-m") + 1] if "-m" in command else Path(command[0]).name
                raise BenchError(f"{name} did not start:\n{log.read_text().strip()[-2000:]}")
            yield PeerProcess(process, line.removeprefix(READY).strip())
            process.stdin.close()
            process.terminate()
            process.wait(_STOP_S)
        finally:
            if process.poll() is None:
                process.kill()
