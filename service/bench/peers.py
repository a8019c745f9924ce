"""The processes of a run: the bench's venue, the service, the bare acceptor and the load generator."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import service
from service.bench.generator import Load, Measured
from service.process import READY

_ROOT = Path(service.__file__).parents[1]
_STOP_S = 30.0


class BenchError(Exception):
    """The bench cannot go on; the text says why."""


@contextmanager
def venue(rate: float) -> Iterator[int]:
    """The venue, sending `rate` messages a second to whoever subscribes; its port."""
    with subprocess.Popen(_python("service.bench.venue", str(rate)), cwd=_ROOT, stdin=-1, stdout=-1, text=True) as p:
        assert p.stdin is not None and p.stdout is not None
        try:
            yield int(p.stdout.readline())
        finally:
            p.stdin.close()


@contextmanager
def quotelife(config_file: Path) -> Iterator[None]:
    """The whole service, ready."""
    log = config_file.with_name("service.log")
    with _until_ready(_python("service.cli", "serve", "--config", str(config_file)), log) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(_STOP_S)


@contextmanager
def bare(settings: Path) -> Iterator[None]:
    """The bare acceptor, ready."""
    with _until_ready(_python("service.bench.bare", str(settings)), settings.with_name("bare.log")) as process:
        assert process.stdin is not None
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(_STOP_S)


def generate(load: Load) -> Measured:
    """Run the load generator in a process of its own. BenchError if it fails."""
    command = _python("service.bench.generator")
    run = subprocess.run(command, cwd=_ROOT, input=msgspec.json.encode(load), capture_output=True, check=False)
    if run.returncode != 0:
        raise BenchError(f"the load generator failed: {run.stderr.decode().strip()[-2000:]}")
    return msgspec.json.decode(run.stdout, type=Measured)


@contextmanager
def _until_ready(command: list[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    with (
        open(log, "w") as errors,
        subprocess.Popen(command, cwd=_ROOT, stdin=-1, stdout=-1, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            if not process.stdout.readline().startswith(READY):
                process.wait(_STOP_S)
                raise BenchError(f"{command[2]} did not start:\n{log.read_text().strip()[-2000:]}")
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
