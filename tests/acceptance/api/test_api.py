"""The API process beside the FIX acceptor: equal decisions over TCP, over a Unix socket and with curl."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.client import seconds
from tests.acceptance.conftest import Process, Service, free_port
from tests.acceptance.rfq.test_quote_request import ask, related
from tests.paths import ROOT
from tests.unit.admin.http_rig import Answer
from tests.unit.admin.http_rig import ask as http_ask

BODY = {"symbol": "BTC-USD", "client": "Ordinary", "side": "buy", "quantity": "1.5"}


class Api:
    """The service and the API process, with its port and socket."""

    def __init__(self, folder: Path) -> None:
        self.port, self.socket = free_port(), folder / "api.sock"
        section = f'[api]\nport = {self.port}\nsocket = "{self.socket}"\nsocket_mode = "0660"\n'
        self.service = Service(folder, before=section)
        self.start()

    def start(self) -> None:
        self.process = Process("quotelife.api.process", "--config", str(self.service.config))

    def post(self, **changes: object) -> Answer:
        return http_ask(self.port, "/v1/expiry", "POST", json.dumps({**BODY, **changes}).encode())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    running = Api(tmp_path_factory.mktemp("api"))
    with running.service:
        yield running
        assert running.process.stop() == 0, "".join(running.process.stderr)
        assert not running.socket.exists()


@pytest.mark.parametrize(("client", "session"), [("Ordinary", "ORD1"), ("Fund", "FUND")])
@pytest.mark.parametrize("side", [1, 2])
def test_the_same_decision_as_over_fix(api, client, session, side):
    with api.service.client(session) as fix:
        quote = ask(fix, related(side=side))
    given = api.post(client=client, side={1: "buy", 2: "sell"}[side]).json()
    assert quote.type == "S"
    # Decided at two moments: rounding to microseconds may differ by one.
    assert abs(given["lifetime_us"] - int(quote[20004])) <= 1
    assert (given["model"].upper(), given["reason"]) == (quote[20001], quote[20003])
    assert f"{given['move_probability']:.6f}" == quote[20002]
    assert f"{given['pick_off_probability']:.6f}" == quote[20005]
    assert given["offer" if side == 1 else "bid"]["price"] == quote[133 if side == 1 else 132]


def test_a_stale_book_gives_the_same_refusal_as_over_fix(api):
    api.service.market.do("venue", loud=False)
    try:
        while True:  # until the data counts as stale
            answer = api.post()
            if answer.status != 200:
                break
        with api.service.client("ORD1") as fix:
            refused = ask(fix, related())
        assert (answer.status, answer.json()["reason"]) == (503, "stale_book")
        assert str(answer.json()["code"]) == refused[658] == "8"
        words, _, since = answer.json()["detail"].rpartition(" ")
        over_fix = refused[58].rpartition(" ")
        assert words == over_fix[0]
        assert abs(seconds(since) - seconds(over_fix[2])) < 0.01, "computed from two clocks, at two moments"
    finally:
        api.service.calm()


async def test_the_unix_socket_answers_and_has_the_configured_mode(api):
    mode = stat.S_IMODE(os.stat(api.socket).st_mode)
    assert stat.S_ISSOCK(os.stat(api.socket).st_mode) and mode == 0o660
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(api.socket))) as session,
        session.post("http://desk/v1/expiry", json=BODY) as answer,
    ):
        assert (answer.status, (await answer.json())["model"]) == (200, api.post().json()["model"])


def test_a_socket_in_use_refuses_a_second_process(api):
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(str(api.socket))
    with pytest.raises(AssertionError, match="cannot listen"):
        api.start()
    assert api.post().status == 200


def test_a_restart_after_a_kill_reuses_the_socket(api):
    api.process.kill()
    assert api.socket.exists(), "left behind"
    api.start()
    assert api.post().status == 200


def test_the_readme_example_works(api):
    if shutil.which("curl") is None:
        pytest.skip("curl is missing: apt-get install curl")
    text = (ROOT / "service" / "quotelife" / "api" / "README.md").read_text()
    [command] = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    # The demo uses other names and prices than the test.
    for theirs, ours in (("9470", str(api.port)), ("External", "Fund"), ("79000", "130")):
        assert theirs in command
        command = command.replace(theirs, ours)
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    given = json.loads(ran.stdout)
    assert given["offer"]["price"] == "130.0" and given["lifetime_us"] > 0, given


def test_help_names_the_reference_and_the_options():
    run = subprocess.run(
        [sys.executable, "-m", "quotelife.api.process", "--help"],
        capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "/v1/openapi.json" in run.stdout and "--config" in run.stdout
