"""The main job as a user starts it: `quotelife simulate`, whole, in a process of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quotelife.config.shipped import ETH_NEWS_SHOCK
from quotelife_bench.processes import child_pids
from quotelife_research.data import l3
from tests.acceptance.client import Client
from tests.acceptance.simulation import configuration
from tests.paths import ROOT
from tests.readiness import readable

MODELS = {"CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER"}
START_S = 200.0

pytestmark = pytest.mark.timeout(300)


class Simulation:
    """The command in a process group that is its own."""

    def __init__(self, config: Path, *arguments: str, through: tuple[str, ...] = ()) -> None:
        self.result = config.parent / "result.json"
        command = [
            *through,
            sys.executable,
            "-m",
            "quotelife.cli",
            "simulate",
            "--config",
            str(config),
            "--json",
            str(self.result),
        ]
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.output: list[str] = []

    def lines(self) -> Iterator[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            yield line

    def finish(self) -> tuple[int, str, dict[str, Any]]:
        """Exit code, output, and the JSON (empty if there is none)."""
        for _ in self.lines():
            pass
        code = self.process.wait(START_S)
        content = json.loads(self.result.read_bytes()) if self.result.exists() else {}
        return code, "".join(self.output), content

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def start() -> Iterator[Any]:
    running: list[Simulation] = []

    def starter(config: Path, *arguments: str, through: tuple[str, ...] = ()) -> Simulation:
        running.append(Simulation(config, *arguments, through=through))
        return running[-1]

    yield starter
    for simulation in running:
        simulation.stop()


def deals_by_outcome(content: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for deal in content["deals"]:
        found[deal["outcome"]] = found.get(deal["outcome"], 0) + 1
    return found


@pytest.mark.skipif(l3.find_sample() is None, reason="the order-book sample (package ob-analytics) is not installed")
def test_recorded_sample_is_quoted_by_all_three_models(tmp_path: Path, start) -> None:
    cast = tmp_path / "demo.cast"
    options = ("--duration", "6", "--fixed-ms", "2000", "--record", str(cast))
    code, output, content = start(configuration(tmp_path), *options).finish()
    assert code == 0, output
    summary = content["summary"]
    assert set(summary["models"]) == MODELS
    assert summary["unanswered"] == 0 and summary["quotes"] > 50
    assert summary["tape_agrees"] > 0.9
    assert deals_by_outcome(content)["filled"] > 0
    best = summary["best_fixed"]
    assert best["quotelife"]["quotes"] == summary["quotes"] and best["tuned_on"]["quotes"] > 1_000
    assert set(best["desks"]) == {"fixed", "withdrawn", "retuned"}
    by_instrument = best["quotelife"]["instruments"]
    assert set(by_instrument) == {"BTC-USD", "ETH-USD", "EUR-USD"}
    assert sum(figures["quotes"] for figures in by_instrument.values()) == summary["quotes"]
    for name in ("BTC-USD, recorded", "ETH-USD, generated", "EUR-USD, generated"):
        assert name in output
    assert "Against the best fixed lifetime per client: net" in output
    assert "fixed expiry of 2 s" in output and "real Bitstamp BTC/USD" in output
    assert content["venue"]["top_changes"] > 1
    check_recording(cast)
    chosen = [deal for deal in content["deals"] if deal["intention"]["override"] and deal["model"]]
    assert all(deal["model"] == deal["intention"]["override"] for deal in chosen)
    overridden = {deal["intention"]["number"] for deal in chosen}
    unforced = {deal["model"] for deal in content["deals"] if deal["intention"]["number"] not in overridden}
    assert unforced >= MODELS


def check_recording(cast: Path) -> None:
    """It plays: a header, then events in order of time, from the steps of the start to the summary's comparison."""
    header, *events = map(json.loads, cast.read_text().splitlines())
    assert header["version"] == 2 and header["width"] > 80 and header["height"] > 20
    times = [at for at, _, _ in events]
    assert times == sorted(times) and {kind for _, kind, _ in events} == {"o"}
    shown = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data) for _, _, data in events]
    assert "service ready" in "".join(shown[:10])
    assert any("EUR-USD" in text and "Ctrl-C ends with a summary" in text for text in shown)
    last = next(text for text in reversed(shown) if text)
    assert "Against the best fixed lifetime per client: net" in " ".join(last.split())
    assert all(len(line) <= header["width"] for text in shown for line in text.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("news", [True, False])
def test_only_the_fixed_quote_is_picked_off_in_the_stress_case(tmp_path: Path, start, news: bool) -> None:
    """With the news, and from the features alone."""
    options = ["--scenario", "eth-news-shock", *([] if news else ["--no-news"])]
    code, output, content = start(configuration(tmp_path, ETH_NEWS_SHOCK), *options).finish()
    assert code == 0, output
    shocked = content["deals"][-1]
    assert shocked["intention"]["quantity"] == "1000"
    assert shocked["model"] == "RISK_AVERSE" and shocked["market"] == ("news" if news else "stressed")
    assert (shocked["features"]["news_sentiment"] < -0.9) == news and shocked["features"]["correlated_velocity"] < 0
    assert 50e6 <= shocked["lifetime_ns"] <= 250e6
    assert shocked["outcome"] in ("expired", "withdrawn")
    layers = {layer["name"]: layer for layer in content["layers"]}
    assert set(layers) == {"fixed", "curve", "shock", *(["news"] if news else [])}
    assert layers["news" if news else "shock"]["lifetime_ns"] == shocked["lifetime_ns"]
    assert layers["fixed"]["alone"]["kind"] == "picked off" != layers["shock"]["outcome"]["kind"]
    assert "Without any news input the quote survives" in output
    assert all(deal["lifetime_ns"] > 2 * shocked["lifetime_ns"] for deal in content["deals"][:-1])
    fixed = content["summary"]["clients"]["sniper"]["fixed"]
    assert (fixed["fills"], fixed["picked_off"]) == (1, 1)
    assert fixed["markout_total_ticks"] < 0
    assert "picked off 1." in output


@pytest.mark.slow
def test_interrupted_run_reports_and_leaves_nothing_behind(tmp_path: Path, start) -> None:
    """In the background of a script, where SIGINT is ignored. Meanwhile an OMS of the user asks on the free session."""
    config = configuration(tmp_path)
    options = ("--market", "synthetic", "--instruments", "2", "--duration", "0")
    simulation = start(config, *options, through=("sh", "-c", "trap '' INT; exec \"$@\"", "sh"))
    ended, steps = 0, []
    for line in simulation.lines():
        if (step := re.fullmatch(r" *(\d+\.\d) s  (.+)\n", line)) is not None:
            steps.append((float(step[1]), step[2]))
        ended += "SYN-" in line
        if ended == 3:
            port = _acceptor_port(config)
            with Client(port, "EXTERNAL") as newcomer:
                newcomer.logon()
                newcomer.send("R", [(131, "mine"), (146, 1), (55, "SYN-0000"), (54, 1), (38, 100)])
                assert newcomer.receive("S", "AG")[131] == "mine"
            children = _children_of(simulation.process.pid)
            assert len(children) >= 3
            directory = _folder_of(simulation)
            simulation.process.send_signal(signal.SIGINT)
            break
    code, output, content = simulation.finish()
    assert code == 0, output
    assert "By expiry model" in output and content["summary"]["quotes"] > 0
    assert not [pid for pid in children if _alive(pid)]
    assert not directory.exists() and not (tmp_path / "run").exists()
    assert [at for at, _ in steps] == sorted(at for at, _ in steps)
    names = [name for _, name in steps if not name.startswith("kernels")]
    assert names[0].startswith("configuration") and names[-1] == "first quote"
    assert {"venue ready", "service ready", "clients logged on"} <= set(names)


@pytest.mark.slow
def test_service_refuses_without_the_venue_and_quotes_after_its_restart(tmp_path: Path, start) -> None:
    """On a generated market, which says what it is."""
    simulation = start(configuration(tmp_path), "--market", "synthetic", "--instruments", "6", "--duration", "11")
    killed = False
    for line in simulation.lines():
        if "SYN-" in line and not killed:
            os.kill(_venue_of(simulation.process.pid), signal.SIGKILL)
            killed = True
    code, output, content = simulation.finish()
    assert code == 0, output
    assert "SYNTHETIC" in output
    assert {deal["intention"]["symbol"] for deal in content["deals"]} <= {f"SYN-{i:04d}" for i in range(6)}
    assert "the venue ended (signal SIGKILL)" in output and "the venue is back" in output
    assert content["venue"]["restarts"] == 1
    refused = [d["intended_ns"] for d in content["deals"] if "disconnected" in d["reason"]]
    quoted = [d["intended_ns"] for d in content["deals"] if d["bid"] or d["offer"]]
    assert min(quoted) < min(refused) and max(refused) < max(quoted)
    assert "quotelife explain --last 3 --config" in output
    explained = subprocess.run(
        [
            sys.executable,
            "-m",
            "quotelife.cli",
            "explain",
            "--last",
            "3",
            "--config",
            str(tmp_path / "simulation.toml"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert explained.returncode == 0, explained.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_no_process_survives_the_command(tmp_path: Path, start, number) -> None:
    simulation = start(configuration(tmp_path), "--market", "synthetic", "--duration", "0")
    next(line for line in simulation.lines() if "SYN-" in line)
    children = _children_of(simulation.process.pid)
    directory = _folder_of(simulation)
    ends = [os.pidfd_open(child) for child in children]
    simulation.process.send_signal(number)
    simulation.finish()
    for end in ends:
        assert readable(end, 30)
        os.close(end)
    if number == signal.SIGHUP:
        assert not directory.exists() and not (tmp_path / "run").exists()
    else:
        shutil.rmtree(directory)


def _folder_of(simulation: Simulation) -> Path:
    """In shared memory, as the venue's command line names it."""
    [directory] = {
        Path(argument).parent
        for argument in Path(f"/proc/{_venue_of(simulation.process.pid)}/cmdline").read_text().split("\0")
        if argument.endswith("plan.json")
    }
    return directory


def _venue_of(parent: int) -> int:
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in _children_of(parent)}
    return next(pid for pid, command in commands.items() if "quotelife_sim.venue.process" in command)


def _acceptor_port(config: Path) -> int:
    import tomllib

    return int(tomllib.loads(config.read_text())["acceptor"]["port"])


def _children_of(parent: int) -> list[int]:
    """All descendants."""
    return [pid for child in child_pids(parent) for pid in (child, *_children_of(child))]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
