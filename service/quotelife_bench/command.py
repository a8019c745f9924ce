"""`quotelife bench`: run one bench or several, show what they found, and write it to files if asked to."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from quotelife.runtime.console import file_problem, wide_console
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, engine_problem
from quotelife_bench.figures import Results, Topic
from quotelife_bench.load.peers import BenchError
from quotelife_bench.machine import Watch, describe
from quotelife_bench.show import markdown, show

Bench = Callable[[], Topic]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """Where the results go beside the standard output."""

    json: Path | None = None
    plots: Path | None = None
    markdown: Path | None = None


def run(benches: list[Bench], output: Output) -> int:
    """Run the benches one by one; the exit code. 1 if a side failed or something was lost, 2 if a file cannot be
    written. A bench that fails leaves the results of those before it."""
    if problem := _problem(output):
        print(problem, file=sys.stderr)
        return EXIT_CONFIG
    if missing := engine_problem():
        print(missing, file=sys.stderr)
        return EXIT_FAILED
    console, machine, watch, began = wide_console(), describe(), Watch(), time.monotonic()
    console.print(str(machine), highlight=False, soft_wrap=True)
    topics, failed = [], False
    for bench in benches:
        try:
            topics.append(bench())
        except BenchError as error:
            print(f"quotelife: {error}", file=sys.stderr)
            failed = True
            continue
        show(console, topics[-1])
    conditions = watch.end()
    console.print(f"\n{conditions}", highlight=False, soft_wrap=True)
    results = Results(
        command=" ".join(["quotelife", *sys.argv[1:]]),
        machine=machine,
        conditions=conditions,
        seconds=round(time.monotonic() - began, 1),
        topics=topics,
    )
    _write(results, output)
    problems = [f"{t.topic}: {problem}" for t in topics for problem in t.problems]
    for problem in problems:
        print(f"quotelife: {problem}", file=sys.stderr)
    return EXIT_FAILED if failed or problems else 0


def _problem(output: Output) -> str | None:
    """What would make it impossible to write the results, found before anything is measured."""
    for option, path in (("--json", output.json), ("--markdown", output.markdown)):
        if path is not None and (problem := file_problem(path)):
            return f"{option} {path}: {problem}"
    if output.plots is not None:
        import matplotlib  # noqa: F401  what to install is said before anything is measured

        try:
            output.plots.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"--plots {output.plots}: {error.strerror}; allowed: a folder to write to"
    return None


def _write(results: Results, output: Output) -> None:
    if output.json:
        output.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    if output.markdown:
        beside = None if output.plots is None else os.path.relpath(output.plots, output.markdown.parent)
        output.markdown.write_text(markdown(results, beside), encoding="utf-8")
    if output.plots:
        from quotelife_bench.plots import draw

        for topic in results.topics:
            for chart in topic.charts:
                draw(chart, output.plots)
