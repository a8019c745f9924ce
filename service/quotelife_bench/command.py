"""Runs benches, prints their results, and writes them to files on request."""

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
from quotelife_bench.machine import ConditionsMonitor, current_machine
from quotelife_bench.show import markdown, replace_tables, show

Bench = Callable[[], Topic]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """Files for the results, in addition to standard output."""

    json: Path | None = None
    plots: Path | None = None
    markdown: Path | None = None
    page: Path | None = None  # has tables of sides, which are replaced


def run(benches: list[Bench], output: Output) -> int:
    """Run the benches in sequence; the exit code: 1 if a side failed or something was lost, 2 if a file cannot be
    written. The results of earlier benches are kept when a later one fails."""
    if problem := _problem(output):
        print(problem, file=sys.stderr)
        return EXIT_CONFIG
    if missing := engine_problem():
        print(missing, file=sys.stderr)
        return EXIT_FAILED
    console, machine, monitor, began = wide_console(), current_machine(), ConditionsMonitor(), time.monotonic()
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
    conditions = monitor.conditions()
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
    """The reason why results could not be written, checked before anything is measured."""
    for option, path in (("--json", output.json), ("--markdown", output.markdown)):
        if path is not None and (problem := file_problem(path)):
            return f"{option} {path}: {problem}"
    if output.page is not None and not os.access(output.page, os.R_OK | os.W_OK):
        return f"--page {output.page}: cannot be read and written; allowed: a page with tables of an earlier run"
    if output.plots is not None:
        import matplotlib  # noqa: F401  a missing package is reported before anything is measured

        try:
            output.plots.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"--plots {output.plots}: {error.strerror}; allowed: a folder to write to"
    return None


def _write(results: Results, output: Output) -> None:
    if output.json:
        output.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    if output.markdown:
        plots = None if output.plots is None else os.path.relpath(output.plots, output.markdown.parent)
        output.markdown.write_text(markdown(results, plots), encoding="utf-8")
    if output.page:
        page = output.page.read_text(encoding="utf-8")
        output.page.write_text(replace_tables(page, results), encoding="utf-8")
    if output.plots:
        from quotelife_bench.plots import draw

        for topic in results.topics:
            for chart in topic.charts:
                draw(chart, output.plots)
