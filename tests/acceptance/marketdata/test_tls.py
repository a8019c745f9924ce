"""Sessions over TLS, with a venue that selects its certificate by the name that the client asks for (SNI)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
import uvloop

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.runtime.clock import wall_ns
from tests.acceptance.marketdata.live_feed import live
from tests.acceptance.marketdata_client import eventually

PROFILE = """
title = "a venue that requires TLS"
tried = "here"

[session]
target_comp_id = "VENUE"
tls = "required"
"""
CONFIGURATION = """
[[venue]]
name = "VENUE"
profile = "profile.toml"
host = "localhost"
port = {port}
sender_comp_id = "QUOTELIFE"
reconnect_min_ms = 10
reconnect_max_ms = 50
{tls}

[[instrument]]
symbol = "AAA"
tick = "0.5"
lot = "0.001"
venue = "VENUE"
"""


class TlsVenue:
    """A venue with one certificate for each of its names. A client that asks for no name, or for another, gets a
    certificate of "wrong.example". It answers the Logon. `asked` are the names, `certified` the clients' names."""

    def __init__(self, ca: trustme.CA, *names: str, clients_need_certificates: bool = False) -> None:
        self.ca = ca
        self.asked: list[str | None] = []
        self.certified: list[str | None] = []
        self._needs = clients_need_certificates
        self._contexts = {name: self._context(name) for name in (*names, "wrong.example")}

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(name).configure_cert(context)
        if self._needs:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _on_name(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self.asked.append(name)
        connection.context = self._contexts.get(name or "", self._contexts["wrong.example"])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """While it listens; its port."""
        entry = self._context("wrong.example")
        entry.sni_callback = self._on_name
        server = await asyncio.start_server(self._on_client, "localhost", 0, family=2, ssl=entry)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert") or {}
        names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
        self.certified.append(names[0] if names else None)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\x0110=")
            time = sending_time(wall_ns())
            writer.write(encode(Identity("VENUE", "QUOTELIFE"), "A", 1, time, ((98, 0), (108, 1), (141, "Y"))))
            while await reader.read(4096):
                pass
        writer.close()


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "profile.toml").write_text(PROFILE)
    return tmp_path


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine on the loop of the tests, or on that of the market-data process."""
    return {"asyncio": asyncio.run, "uvloop": uvloop.run}[request.param]


def write_ca(folder: Path, ca: trustme.CA) -> Path:
    path = folder / "ca.pem"
    path.write_bytes(ca.cert_pem.bytes())
    return path


def test_profile_that_requires_tls_asks_for_the_host_and_trusts_the_systems_issuers(folder, run, monkeypatch):
    ca = trustme.CA()
    monkeypatch.setenv("SSL_CERT_FILE", str(write_ca(folder, ca)))
    venue = TlsVenue(ca, "localhost")

    async def logs_on() -> None:
        async with venue.running() as port, live(folder, CONFIGURATION.format(port=port, tls="")) as service:
            await eventually(lambda: service.feeds[0].logons == 1)

    run(logs_on())
    assert venue.asked == ["localhost"]


def test_venue_of_another_issuer_gets_no_logon(folder, run, monkeypatch, caplog):
    monkeypatch.setenv("SSL_CERT_FILE", str(write_ca(folder, trustme.CA())))
    venue = TlsVenue(trustme.CA(), "localhost")

    async def is_refused() -> None:
        async with venue.running() as port, live(folder, CONFIGURATION.format(port=port, tls="")) as service:
            await eventually(lambda: len(venue.asked) >= 2)
            assert service.feeds[0].logons == 0

    run(is_refused())
    assert "certificate verification failed" in caplog.text


def test_server_name_is_asked_for_and_verified(folder, run):
    ca = trustme.CA()
    venue = TlsVenue(ca, "md.venue.example")
    tls = f'tls = {{ ca = "{write_ca(folder, ca)}", server_name = "md.venue.example" }}'

    async def logs_on() -> None:
        async with venue.running() as port, live(folder, CONFIGURATION.format(port=port, tls=tls)) as service:
            await eventually(lambda: service.feeds[0].logons == 1)

    run(logs_on())
    assert set(venue.asked) == {"md.venue.example"}


def test_name_that_the_venue_has_no_certificate_of_is_refused(folder, run, caplog):
    ca = trustme.CA()
    venue = TlsVenue(ca, "md.venue.example")
    tls = f'tls = {{ ca = "{write_ca(folder, ca)}" }}'

    async def is_refused() -> None:
        async with venue.running() as port, live(folder, CONFIGURATION.format(port=port, tls=tls)) as service:
            await eventually(lambda: len(venue.asked) >= 2)
            assert service.feeds[0].logons == 0

    run(is_refused())
    assert set(venue.asked) == {"localhost"}
    assert "certificate verification failed" in caplog.text


@pytest.mark.parametrize("certified", [True, False])
def test_venue_that_wants_a_client_certificate_gets_it_or_no_session(folder, run, certified):
    ca = trustme.CA()
    venue = TlsVenue(ca, "localhost", clients_need_certificates=True)
    own = ca.issue_cert("desk.example")
    (folder / "desk.pem").write_bytes(own.cert_chain_pems[0].bytes())
    (folder / "desk.key").touch(0o600)
    (folder / "desk.key").write_bytes(own.private_key_pem.bytes())
    files = ', certificate = "desk.pem", key = "desk.key"' if certified else ""
    tls = f'tls = {{ ca = "{write_ca(folder, ca)}"{files} }}'

    async def connects() -> None:
        async with venue.running() as port, live(folder, CONFIGURATION.format(port=port, tls=tls)) as service:
            if certified:
                await eventually(lambda: service.feeds[0].logons == 1)
            else:
                await eventually(lambda: len(venue.asked) >= 3)
                assert service.feeds[0].logons == 0

    run(connects())
    assert venue.certified == (["desk.example"] if certified else [])
