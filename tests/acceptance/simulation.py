"""What the tests of the simulation share: a configuration on free ports, and a book rebuilt from raw W and X."""

import queue
import socket
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quotelife.config.shipped import DEMO
from quotelife_sim.child_process import ChildProcess, OutputLine
from quotelife_sim.configuration import to_toml
from tests.acceptance.client import Message

WAIT_S = 60.0


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def configuration(folder: Path, source: Path = DEMO, **replaced: Any) -> Path:
    """A copy of `source` on free ports and with a run directory of its own; sections are replaced by name."""
    raw = tomllib.loads(source.read_text())
    own = [section for section in ("acceptor", "admin", "api") if section in raw]
    ports = free_ports(len(own) + len(raw["venue"]))
    for section, port in zip(own, ports, strict=False):
        raw[section]["port"] = port
    for venue, port in zip(raw["venue"], ports[len(own) :], strict=True):
        venue["port"] = port
    raw["paths"] = {"run": str(folder / "run"), "data": str(folder / "var")}
    for instrument in raw["instrument"]:
        instrument["max_lifetime_ms"] = 2_500.0  # a run ends when its last quote has
    raw.update(replaced)
    target = folder / "simulation.toml"
    target.write_text(to_toml(raw))
    return target


def synthetic_instruments(*symbols: str) -> list[dict[str, Any]]:
    return [{"symbol": symbol, "tick": "0.01", "lot": "1", "venue": "SIM"} for symbol in symbols]


def await_line(lines: "queue.Queue[OutputLine]", wanted: Callable[[str], bool], child: ChildProcess) -> str:
    """The next line that is wanted; AssertionError with the process's last words if it ends or stays silent."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            line = lines.get(timeout=max(deadline - time.monotonic(), 0.01))
        except queue.Empty:
            raise AssertionError(f"{child.name} did not say it in time: {child.log_tail()}") from None
        if line.source == child.name and wanted(line.text):
            return line.text
        assert not (line.ended and line.source == child.name), child.log_tail()


class RebuiltBook:
    """One instrument's orders as a subscriber knows them."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[str, float, float]] = {}
        self.rpt_seq = -1
        self.trades: list[float] = []

    def snapshot(self, message: Message) -> None:
        self.orders = {e["278"]: (e["269"], float(e["270"]), float(e["271"])) for e in entries(message, 269)}
        assert len(self.orders) == int(message[268])
        self.rpt_seq = int(message[83])

    def apply(self, entry: dict[str, str]) -> None:
        assert int(entry["83"]) == self.rpt_seq + 1
        self.rpt_seq += 1
        if entry["269"] == "2":
            self.trades.append(float(entry["270"]))
        elif entry["279"] == "2":
            del self.orders[entry["278"]]
        else:
            assert (entry["279"] == "0") == (entry["278"] not in self.orders)
            self.orders[entry["278"]] = (entry["269"], float(entry["270"]), float(entry["271"]))

    def top(self) -> tuple[float, float]:
        bids = [price for side, price, _ in self.orders.values() if side == "0"]
        asks = [price for side, price, _ in self.orders.values() if side == "1"]
        return max(bids, default=0.0), min(asks, default=0.0)


def entries(message: Message, first_tag: int) -> list[dict[str, str]]:
    """The repeating group that begins with `first_tag`."""
    found: list[dict[str, str]] = []
    for tag, value in message.fields:
        if tag == first_tag:
            found.append({})
        if found and tag != 10:
            found[-1][str(tag)] = value
    return found
