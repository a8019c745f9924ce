"""A recording is asciicast v2, also before it is closed."""

import json
from pathlib import Path

from rich.text import Text

from quotelife_sim.report.recording import CLEAR, HEIGHT, WIDTH, Recording


def events(path: Path) -> tuple[dict, list[tuple[float, str, str]]]:
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    return json.loads(header), [tuple(json.loads(line)) for line in lines]


def test_header_and_events(tmp_path: Path) -> None:
    path = tmp_path / "demo.cast"
    recording = Recording(path, "a demo")
    recording.text("  0.1 s  started\n")
    recording.frame(Text("one\ntwo", style="bold red"))
    header, interrupted = events(path)
    assert (header["version"], header["width"], header["height"]) == (2, WIDTH, HEIGHT)
    assert header["title"] == "a demo" and header["timestamp"] > 1_700_000_000
    assert len(interrupted) == 2, "complete after every event"
    recording.frame(Text("three"))
    recording.close()
    _, found = events(path)
    times = [at for at, _, _ in found]
    assert times == sorted(times) and all(at >= 0 for at in times)
    assert {kind for _, kind, _ in found} == {"o"}
    assert found[0][2] == "  0.1 s  started\r\n"
    assert found[1][2].startswith(CLEAR) and "\x1b[1;31mone" in found[1][2] and "\r\n" in found[1][2]
    assert found[2][2] == f"{CLEAR}three\r\n"
    assert times[-1] >= times[-2] + 2, "a player shows the end for a while"
