"""`quotelife venue check` with real venues: QuickFIX acceptors that list their instruments, and whatever goes wrong."""

import asyncio
import contextlib
import io
import os
import socket
import ssl
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from rich.console import Console

from quotelife.config import ConfigError, load
from quotelife.diagnostics.venue.command import check
from tests.acceptance.marketdata_client import Venue, increment, level
from tests.paths import ROOT

PROFILE = """
title = "A venue of the tests"
tried = "with its tests"
[instruments]
request = "{request}"
tick_tag = 969
lot_tag = 561
status_tag = 326
tradable = ["17"]
"""
CONFIG = """
[paths]
run = "run"
data = "data"
[[venue]]
name = "OTHER"
port = 1
sender_comp_id = "QUOTELIFE"
target_comp_id = "OTHER"
[[venue]]
name = "ONE"
host = "{host}"
port = {port}
sender_comp_id = "{sender}"
target_comp_id = "{target}"
username = "desk"
password_file = "password"
profile = "venue.toml"
{tls}
[[instrument]]
symbol = "BTC"
venue = "ONE"
venue_symbol = "BTC-USD"
tick = "{tick}"
lot = "0.001"
[[instrument]]
symbol = "ETH"
venue = "ONE"
venue_symbol = "ETH-USD"
tick = "0.01"
lot = "1"
[[client]]
name = "Client"
sessions = ["CLIENT"]
"""
BTC = "55=BTC-USD\x01969=0.5\x01561=0.001\x01326=17"
ETH = "55=ETH-USD\x01969=0.01\x01561=1\x01326=17"
BOOK = [level(0, 100, 1), level(0, 99.5, "2.5"), level(1, 101, 3)]
PASSWORD = "correct horse"


class Checked:
    """The exit code and what was printed, as one line without line breaks too."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        self.line = " ".join(text.replace("│", " ").split())


def write_config(folder: Path, port: int, request: str = "SecurityListRequest", **more: object) -> Path:
    (folder / "venue.toml").write_text(PROFILE.format(request=request))
    password = folder / "password"
    password.touch(0o600)
    password.write_text(str(more.pop("password", PASSWORD)) + "\n")
    usual = {"host": "127.0.0.1", "sender": "QUOTELIFE", "target": "VENUE", "tick": "0.5", "tls": ""}
    file = folder / "quotelife.toml"
    file.write_text(CONFIG.format(**(usual | {"port": port} | more)))
    return file


async def checked(file: Path, symbol: str | None = None, seconds: float = 0.6) -> Checked:
    out = io.StringIO()
    code = await check(load(file), "ONE", symbol, seconds, Console(file=out, width=120))
    return Checked(code, out.getvalue())


async def give_list(venue: Venue) -> None:
    request = (await venue.expect("x"))[320]
    venue.send("y", (320, request), (560, 0), (893, "N"), (146, f"1\x01{BTC}"))
    venue.send("y", (320, request), (560, 0), (893, "Y"), (146, f"1\x01{ETH}"))


async def give_definitions(venue: Venue) -> None:
    request = (await venue.expect("c"))[320]
    for symbol, tick, lot in (("BTC-USD", "0.5", "0.001"), ("ETH-USD", "0.01", 1)):
        terms = ((55, symbol), (969, tick), (561, lot), (326, 17))
        venue.send("d", (320, request), (322, symbol), (323, 4), (393, 2), *terms)


async def give_book(venue: Venue, *more: tuple[str, list]) -> None:
    request = await venue.subscription("BTC-USD")
    venue.send("W", (55, "BTC-USD"), (262, request), entries=BOOK)
    venue.send("X", entries=[increment(0, 2, "BTC-USD", (270, "100.5"), (271, 2))])
    for kind, entries in more:
        venue.send(kind, entries=entries)


@contextlib.asynccontextmanager
async def playing(folder: Path, *parts: Callable) -> AsyncIterator[Venue]:
    """A venue that plays these parts, one after the other."""
    (folder / "venue").mkdir()

    async def play(venue: Venue) -> None:
        for part in parts:
            await part(venue)

    async with Venue.running(folder / "venue", PASSWORD) as venue:
        task = asyncio.create_task(play(venue))
        yield venue
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def peer(answer: bytes | None) -> AsyncIterator[int]:
    """The port of a peer that is no venue: it answers with some bytes, not at all, or (empty) by closing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        if answer:
            writer.write(answer)
        if answer is None:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("request_name", "answer"),
    [("SecurityListRequest", give_list), ("SecurityDefinitionRequest", give_definitions)],
)
async def test_a_good_venue(tmp_path, request_name, answer):
    async with playing(tmp_path, answer, give_book) as venue:
        found = await checked(write_config(tmp_path, venue.port, request_name))
    assert found.code == 0, found.text
    assert "BTC BTC-USD 0.5 0.001 17 agrees" in found.line and "ETH ETH-USD 0.01 1 17 agrees" in found.line
    assert "1 100.0 101.0 3" in found.line and "2.5 99.5" in found.line
    assert "trades 1, last 2 at 100.5" in found.line and "RptSeq (83) absent" in found.line
    assert "W MarketDataSnapshotFullRefresh 1" in found.line and "V MarketDataRequest 1" in found.line
    assert "is live and everything that came was understood" in found.line
    assert not (tmp_path / "run").exists() and not (tmp_path / "data").exists()


async def test_what_is_not_understood_is_shown_without_secrets(tmp_path):
    async def speak(venue: Venue) -> None:
        venue.tell("send", "AZ", [[58, f"your password is {PASSWORD}"]])

    numbered = [("X", [increment(0, 0, "BTC-USD", (270, 99), (271, n), (83, n))]) for n in (1, 4)]
    async with playing(tmp_path, give_list, lambda v: give_book(v, *numbered), speak) as venue:
        found = await checked(write_config(tmp_path, venue.port))
    assert found.code == 1
    assert "1 × rpt_seq_gap: RptSeq (83) does not increase by one" in found.line and "RptSeq(83)=4" in found.line
    assert "RptSeq (83) in 2 of 4 messages" in found.line
    assert "1 × message type AZ is not processed" in found.line and "Text(58)=your password is ***" in found.line
    assert PASSWORD not in found.text and "2 things were not understood" in found.line


async def test_a_wrong_password(tmp_path):
    async with playing(tmp_path) as venue:
        found = await checked(write_config(tmp_path, venue.port, password="battery staple"))
    assert found.code == 1
    assert "✗ not logged on" in found.text and "wrong password" in found.line
    assert "Check venue[1].username (desk), venue[1].password_env or password_file (password)" in found.line
    assert "Password(554)=***" in found.line and "battery" not in found.text


async def test_a_wrong_tick(tmp_path):
    async with playing(tmp_path, give_list) as venue:
        found = await checked(write_config(tmp_path, venue.port, tick="0.25"))
        assert found.code == 1
        assert "BTC is not as configured: tick = 0.25 in the configuration, 0.5 at the venue (969)" in found.line
        assert "Set tick of [[instrument]] BTC in quotelife.toml" in found.line
    assert "MarketDataRequest" not in found.text, "nothing was subscribed"


async def test_a_wrong_tick_of_another_instrument(tmp_path):
    async def with_another_tick(venue: Venue) -> None:
        request = (await venue.expect("x"))[320]
        venue.send("y", (320, request), (146, f"2\x01{BTC}\x01{ETH.replace('0.01', '0.1')}"))

    async with playing(tmp_path, with_another_tick, give_book) as venue:
        found = await checked(write_config(tmp_path, venue.port))
    assert found.code == 1
    assert "would not quote 1 other configured instrument (ETH: tick = 0.01 in the configuration, 0.1" in found.line


async def test_an_unknown_symbol(tmp_path):
    async def refuse(venue: Venue) -> None:
        request = await venue.subscription("BTC-USD")
        venue.send("Y", (262, request), (281, 0), (58, "no such thing"))

    async with playing(tmp_path, give_list, refuse) as venue:
        found = await checked(write_config(tmp_path, venue.port), seconds=5)
    assert found.code == 1
    assert 'The venue does not know BTC-USD: "no such thing".' in found.line and "Set venue_symbol" in found.line
    assert "our MarketDataRequest" in found.text and "MDReqRejReason(281)=0:UNKNOWN_SYMBOL" in found.line


async def test_a_symbol_that_the_venue_does_not_list(tmp_path):
    async def list_other_names(venue: Venue) -> None:
        request = (await venue.expect("x"))[320]
        venue.send("y", (320, request), (146, f"2\x01{BTC.replace('BTC-USD', 'BTC/USD')}\x01{ETH}"))

    async with playing(tmp_path, list_other_names) as venue:
        found = await checked(write_config(tmp_path, venue.port))
    assert found.code == 1
    assert "The venue does not list BTC-USD" in found.line and "It lists BTC/USD." in found.line


async def test_a_venue_that_does_not_list_anything(tmp_path):
    async with playing(tmp_path) as venue:
        found = await checked(write_config(tmp_path, venue.port), seconds=0.3)
    assert found.code == 1
    assert "did not give its list of instruments (no answer within 0.3 s)" in found.line
    assert 'instruments.request = "none"' in found.line


async def test_a_venue_that_sends_no_market_data(tmp_path):
    async with playing(tmp_path) as venue:
        found = await checked(write_config(tmp_path, venue.port, "none"), seconds=0.3)
    assert found.code == 1
    assert "sent no market data of BTC-USD within 0.3 s" in found.line


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "did not answer the Logon within 0.3 s"),
        (b"", "closed the connection without an answer to the Logon"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 'does not speak FIX: it sent "HTTP/1.1 400'),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "answered in TLS, but this connection had none"),
    ],
)
async def test_a_peer_that_is_silent_or_no_venue(tmp_path, answer, says):
    async with peer(answer) as port:
        found = await checked(write_config(tmp_path, port), seconds=0.3)
    assert found.code == 1
    assert says in found.line and "venue[1]" in found.line


async def test_a_wrong_comp_id(tmp_path):
    async with playing(tmp_path) as venue:
        found = await checked(write_config(tmp_path, venue.port, sender="NOBODY"))
    assert found.code == 1
    assert "venue[1].sender_comp_id (NOBODY) and target_comp_id (VENUE)" in found.line


async def test_a_peer_that_does_not_speak_tls(tmp_path):
    async with peer(b"8=FIX.4.4\x01no TLS here, only some bytes") as port:
        found = await checked(write_config(tmp_path, port, tls="[venue.tls]"))
    assert found.code == 1
    assert "does not speak TLS" in found.line


async def test_a_certificate_that_is_not_trusted(tmp_path, tls_server):
    async with tls_server() as port:
        found = await checked(write_config(tmp_path, port, tls="[venue.tls]"))
    assert found.code == 1
    assert "is not accepted" in found.line and "venue[1].tls.ca" in found.line


@pytest.fixture
def tls_server(tmp_path):
    """A TLS server with a certificate that nobody has issued."""

    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[int]:
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        files = ("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=venue.test", "-days", "1")
        made = await asyncio.create_subprocess_exec(*command, *files, stderr=PIPE)
        assert await made.wait() == 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        yield server.sockets[0].getsockname()[1]
        server.close()

    return serving


async def test_a_port_that_nobody_listens_on(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # and does not listen
        found = await checked(write_config(tmp_path, probe.getsockname()[1]))
    assert found.code == 1
    assert "refuses connections" in found.line and "venue[1].port" in found.line


async def test_a_name_that_is_not_known(tmp_path):
    found = await checked(write_config(tmp_path, 1, host="no-such-host.invalid"), seconds=5)
    assert found.code == 1
    assert "The name no-such-host.invalid is not known" in found.line


async def test_names_that_are_not_configured(tmp_path):
    config = load(write_config(tmp_path, 1))
    console = Console(file=io.StringIO())
    with pytest.raises(ConfigError, match=r"venue = 'TWO': no such \[\[venue\]\]; allowed: OTHER, ONE"):
        await check(config, "TWO", None, 1.0, console)
    with pytest.raises(ConfigError, match=r"--symbol = 'X': .*allowed: BTC, ETH"):
        await check(config, "ONE", "X", 1.0, console)
    with pytest.raises(ConfigError, match=r'instrument: missing; allowed: at least one with venue = "OTHER"'):
        await check(config, "OTHER", None, 1.0, console)
    with pytest.raises(ConfigError, match=r"--seconds = 0: allowed: a number above 0"):
        await check(config, "ONE", None, 0, console)


async def python(*arguments: str) -> tuple[int | None, str]:
    """Exit code and output of a process; the first one on a machine compiles the kernels."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=PIPE, stderr=STDOUT, env=environment
    )
    out, _ = await asyncio.wait_for(process.communicate(), 300)
    return process.returncode, out.decode()


async def test_the_command(tmp_path):
    compiled = await python("-c", "from quotelife.runtime import kernel_compilation; kernel_compilation.ensure()")
    assert compiled[0] == 0, compiled
    async with playing(tmp_path, give_list, give_book) as venue:
        file = write_config(tmp_path, venue.port)
        options = ("--config", str(file), "--symbol", "BTC-USD", "--seconds", "3")
        code, out = await python("-m", "quotelife.cli", "venue", "check", "ONE", *options)
    assert code == 0, out
    assert "✓ live book" in out
