"""Compilation of the kernels at the first start, each once, in two processes.

    python -m quotelife.runtime.kernel_compilation

is a worker, which may be given the level and the format of the log: it reads names of modules from the standard input,
one per line, and answers each with its name, followed by the error if it could not be compiled.

Numba compiles a kernel when its module is imported, and caches it on disk. Without this step, each process would
compile shared kernels again, without any sign of progress. Modules are assigned to workers in the order of their
imports: a module is due when all kernels that it calls are cached. Of those that are due, the one goes first that the
longest chain of others waits for, so that no worker is idle at the end.
"""

import ast
import contextlib
import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, Queue

import msgspec

from quotelife import logs
from quotelife.config.sections import Log
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.module_command import module_command

ROOTS = (
    "quotelife.marketdata.process",
    "quotelife.acceptor.process",
    "quotelife.recorder.process",
    "quotelife.supervisor.supervisor",
)
_ENGINE_PACKAGES = {  # a service imports one of them
    "quickfix": "quotelife.acceptor.quickfix",
    "native": "quotelife.acceptor.native",
}
logger = event_logger(__name__)
_DONE = "complete"  # a file in the folder of cached kernels
_KERNEL = "cache=True"  # in the decorator of each kernel; its name would make this file one of the kernels' sources
_POLL_S = 0.25
_LOG_INTERVAL_S = 10.0  # if the output is not a terminal


def ensure(engine: str | None = None, report: Callable[[int, int], None] | None = None) -> None:
    """Compile all kernels that a service with this acceptor.engine needs (None: with any), unless all of these sources
    are cached. A failure is logged, and is reported again by the process that needs the kernel.

    `report` is called with the number of compiled kernels, and of all, several times a second and at the end; without
    it the progress is shown on a terminal, or logged.
    """
    folder = Path(
        os.environ["NUMBA_CACHE_DIR"]
    )  # set when the packages are imported, see quotelife_models.kernel_cache
    marker = folder / (_DONE if engine is None else f"{_DONE}-{engine}")
    if marker.exists() or (folder / _DONE).exists():
        return
    others = [] if engine is None else [package for name, package in _ENGINE_PACKAGES.items() if name != engine]
    needs = dependencies(ROOTS, others)
    total = sum(count for count, _ in needs.values())
    began = time.monotonic()
    with _progress(folder, total, report):
        complete = _compile(needs)
    if complete:
        with contextlib.suppress(OSError):
            marker.touch()
    elapsed_s = time.monotonic() - began
    logger.info(LogEvent.KERNELS_COMPILED, "kernels compiled in %.0f s", elapsed_s, elapsed_s=round(elapsed_s, 1))


def dependencies(roots: Sequence[str], without: Sequence[str] = ()) -> dict[str, tuple[int, set[str]]]:
    """For each module with kernels that `roots` import, directly or not, but through the packages `without`: the number
    of its kernels, and the modules with kernels that it imports, directly or not."""
    imports: dict[str, set[str]] = {}
    kernels: dict[str, int] = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        path = _path(name)
        if name in imports or path is None or any(f"{name}.".startswith(f"{package}.") for package in without):
            continue
        text = path.read_text(encoding="utf-8")
        imports[name] = set(_imported(text))
        pending += imports[name]
        if (count := text.count(_KERNEL)) and name != __spec__.name:
            kernels[name] = count
    return {name: (count, (_reach(name, imports) & kernels.keys()) - {name}) for name, count in kernels.items()}


def _path(name: str) -> Path | None:
    """The source file of a module of this project; None for any other name."""
    package, *rest = name.split(".")
    if package not in ("quotelife_models", "quotelife"):
        return None
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent.joinpath(*rest)
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _reach(name: str, imports: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = [name]
    while pending:
        for needed in imports.get(pending.pop(), ()):
            if needed not in found:
                found.add(needed)
                pending.append(needed)
    return found


def longest_chains(needs: Mapping[str, tuple[int, set[str]]]) -> dict[str, int]:
    """For each module the number of kernels of the longest chain of modules that wait for one another, from it on."""
    chains: dict[str, int] = {}
    for module in sorted(needs, key=lambda m: -len(needs[m][1])):  # those that need it before it
        users = (chains[user] for user, (_, needed) in needs.items() if module in needed and user in chains)
        chains[module] = needs[module][0] + max(users, default=0)
    return chains


def _compile(needs: dict[str, tuple[int, set[str]]]) -> bool:
    """Assign the modules to workers. Returns whether all were compiled; stops when a worker dies."""
    waiting, cached, busy, chains = dict(needs), set[str](), 0, longest_chains(needs)
    answers: Queue[tuple[subprocess.Popen[str], str]] = Queue()
    workers = [_worker(answers) for _ in range(min(2, len(os.sched_getaffinity(0))))]
    idle, complete = list(workers), True
    try:
        while waiting or busy:
            ready = sorted((m for m, (_, needed) in waiting.items() if needed <= cached), key=lambda m: -chains[m])
            while idle and ready:
                worker, module = idle.pop(), ready.pop(0)
                del waiting[module]
                assert worker.stdin is not None
                print(module, file=worker.stdin, flush=True)
                busy += 1
            if not busy:
                return False  # cyclic imports, or a dependency could not be compiled
            worker, line = answers.get()
            busy -= 1
            if not line:
                return False
            module, _, error = line.rstrip().partition(" ")
            if error:
                logger.error(LogEvent.KERNEL_NOT_COMPILED, "%s cannot be compiled: %s", module, error, module=module)
                complete = False
            else:
                cached.add(module)
            idle.append(worker)
        return complete
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _worker(answers: "Queue[tuple[subprocess.Popen[str], str]]") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        module_command("quotelife.runtime.kernel_compilation", *logs.settings()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C ends the command, which ends its workers
    )
    assert process.stdout is not None
    stdout = process.stdout

    def read() -> None:
        for line in stdout:
            answers.put((process, line))
        answers.put((process, ""))

    threading.Thread(target=read, daemon=True).start()
    return process


@contextlib.contextmanager
def _progress(folder: Path, total: int, report: Callable[[int, int], None] | None) -> Iterator[None]:
    """Report the number of compiled kernels, or show it: continuously on a terminal, else in the log."""
    finished: Queue[None] = Queue()
    terminal = sys.stderr.isatty() and report is None

    def show() -> None:
        logged = 0.0
        while True:
            now = time.monotonic()
            if report is not None:
                report(_compiled(folder, total), total)
            elif terminal or now - logged >= _LOG_INTERVAL_S:
                logged = now
                count = _compiled(folder, total)
                text = f"the first start compiles kernels, about a minute: {count} of {total} compiled"
                if terminal:
                    print(f"\r{text}", end="", file=sys.stderr, flush=True)
                else:
                    logger.info(LogEvent.KERNELS_COMPILING, "%s", text, compiled=count, kernels=total)
            with contextlib.suppress(Empty):
                finished.get(timeout=_POLL_S)
                if terminal:
                    print("\r\x1b[K", end="", file=sys.stderr, flush=True)
                elif report is not None:
                    report(_compiled(folder, total), total)
                return

    thread = threading.Thread(target=show)
    thread.start()
    try:
        yield
    finally:
        finished.put(None)
        thread.join()


def _compiled(folder: Path, total: int) -> int:
    return min(len(list(folder.rglob("*.nbi"))), total)


def main() -> int:
    if len(sys.argv) > 1:
        log = msgspec.convert({"level": sys.argv[1], "format": sys.argv[2]}, Log)
        logs.configure("compilation", log, all_lines=True)
    for line in sys.stdin:
        module = line.strip()
        try:
            importlib.import_module(module)
        except Exception as error:
            print(module, " ".join(repr(error).split()), flush=True)
        else:
            print(module, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
