"""The compose file's services as processes on loopback: the same commands, environment, order and health checks.

What differs is what only containers have: names of hosts become 127.0.0.1, published ports others that are free, paths
inside containers a folder of the test, and programs are this environment's. Grafana is left out where it is not there.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from quotelife_sim.configuration import to_toml
from tests.acceptance.simulation import free_ports
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "docker-compose.yml"
READY_S = 240.0  # the first start on a machine compiles the kernels
STOP_S = 30.0
_POLL_S = 0.2


class Topology:
    """All services that can be run here, started in the order that the file asks for."""

    def __init__(self, folder: Path) -> None:
        self.file = yaml.safe_load(COMPOSE.read_text())
        self.folder = folder
        self.acceptor_port, self.admin_port, self.api_port, self.venue_port, self.prometheus_port = free_ports(5)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._paths = self._lay_out()

    def _lay_out(self) -> list[tuple[str, str]]:
        """The files that containers would find, and what stands for their paths, longest first."""
        token = self.folder / "admin_token"
        token.write_text((DEPLOY / self.file["secrets"]["admin_token"]["file"]).read_text())
        token.chmod(0o600)
        for name in ("market", "metrics", "prometheus", "var", "run"):
            (self.folder / name).mkdir()
        raw = tomllib.loads((DEPLOY / "compose.toml").read_text())
        raw["paths"] = {"run": str(self.folder / "run"), "data": str(self.folder / "var")}
        raw["acceptor"] |= {"host": "127.0.0.1", "port": self.acceptor_port}
        for section, port in (("admin", self.admin_port), ("api", self.api_port)):
            assert raw[section]["token_file"] == "/run/secrets/admin_token"
            raw[section] |= {"host": "127.0.0.1", "port": port, "token_file": str(token)}
        raw["venue"][0] |= {"host": self._host(raw["venue"][0]["host"]), "port": self.venue_port}
        (self.folder / "compose.toml").write_text(to_toml(raw))
        for source in (DEPLOY / "prometheus").iterdir():
            text = source.read_text().replace("/run/secrets/admin_token", str(token))
            text = text.replace('"quotelife:9464"', f'"127.0.0.1:{self.admin_port}"')
            text = re.sub(r"(scrape|evaluation)_interval: \d+s", r"\1_interval: 1s", text)
            (self.folder / "prometheus" / source.name).write_text(text)
        return [
            ("deploy/compose.toml", str(self.folder / "compose.toml")),
            ("/etc/prometheus", str(self.folder / "prometheus")),
            ("/prometheus", str(self.folder / "metrics")),
            ("/market", str(self.folder / "market")),
            ("127.0.0.1:9464", f"127.0.0.1:{self.admin_port}"),
            ("127.0.0.1:9090", f"127.0.0.1:{self.prometheus_port}"),
        ]

    def _host(self, name: str) -> str:
        assert name in self.file["services"], "a service's name is its host's"
        return "127.0.0.1"

    def here(self, text: str) -> str:
        """A word of a command as it is on this machine."""
        for inside, outside in self._paths:
            if inside in text:
                return text.replace(inside, outside)
        return text

    def command(self, name: str) -> list[str]:
        words = [self.here(word) for word in self.file["services"][name]["command"]]
        for n, word in enumerate(words):
            if word == "--host":
                words[n + 1] = self._host(words[n + 1])
        if name == "prometheus":
            listen = f"--web.listen-address=127.0.0.1:{self.prometheus_port}"
            return [shutil.which("prometheus") or "", *words, listen, "--log.level=warn"]
        return [sys.executable, "-m", "quotelife.cli", *words]

    # --- running

    def start(self, *names: str) -> None:
        """Start these services, each when those that it depends on are as it wants them."""
        for name in names:
            for other, condition in self.file["services"][name].get("depends_on", {}).items():
                if condition["condition"] == "service_healthy":
                    self.await_healthy(other)
            environment = self.file["services"][name].get("environment", {})
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    self.command(name),
                    cwd=ROOT,
                    env=os.environ | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def healthy(self, name: str) -> bool:
        """One run of the health check."""
        kind, *words = map(self.here, self.file["services"][name]["healthcheck"]["test"])
        assert kind == "CMD"
        if words[0] == "wget":  # of the image; what it asks is what counts
            return self._answers(words[-1])
        if words[0] == "python3":
            words[0] = sys.executable
        return subprocess.run(words, capture_output=True, timeout=20, check=False).returncode == 0

    def await_healthy(self, name: str) -> None:
        deadline = time.monotonic() + READY_S
        while not self.healthy(name):
            process = self.processes[name]
            assert process.poll() is None, f"{name} has ended: {self.log(name)}"
            assert time.monotonic() < deadline, f"{name} is not healthy: {self.log(name)}"
            time.sleep(_POLL_S)

    def _answers(self, url: str) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self, name: str) -> int:
        """SIGTERM, as `docker stop`; the exit code."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def close(self) -> None:
        for name in reversed(list(self.processes)):
            self.stop(name)

    # --- Prometheus' API

    def ask(self, path: str, **parameters: str) -> Any:
        """`data` of Prometheus' answer; AssertionError with its words if it refuses."""
        query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.prometheus_port}{path}?{query}", timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression: str) -> dict[str, float]:
        """The value of each series, by its labels as JSON."""
        data = self.ask("/api/v1/query", query=expression)
        if data["resultType"] == "scalar":
            return {"": float(data["result"][1])}
        return {json.dumps(r["metric"], sort_keys=True): float(r["value"][1]) for r in data["result"]}

    def until(self, expression: str, timeout: float = 60.0) -> dict[str, float]:
        """The series of an expression as soon as there is one that is neither NaN nor, for a comparison, gone."""
        deadline = time.monotonic() + timeout
        while True:
            found = {labels: value for labels, value in self.query(expression).items() if value == value}
            if found:
                return found
            assert time.monotonic() < deadline, f"{expression} gives nothing"
            time.sleep(_POLL_S)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
