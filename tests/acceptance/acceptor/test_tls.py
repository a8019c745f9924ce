"""TLS between clients and service, with real certificates made for the test."""

import datetime
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from quotelife.config import load
from quotelife.config.paths import RunPaths
from quotelife.config.versions.agreement import Proposals
from quotelife.config.versions.version import RELOAD, Version, digest
from quotelife.metrics.region import MetricsRegion
from tests.acceptance.acceptor.test_logon import first_message, receive_all, refusals
from tests.acceptance.acceptor.test_versions_quickfix import VERSIONS, Initiator
from tests.acceptance.client import Client
from tests.acceptance.conftest import CLIENTS, Process, Service
from tests.acceptance.rfq.test_failures import wait_until
from tests.acceptance.rfq.test_quote_request import ask

pytestmark = pytest.mark.slow  # a third process to start

CERTIFIED = """
[[client]]
name = "Certified"
sessions = ["CERT"]
[client.logon.CERT]
certificate = "oms.client.example"
"""


class Certificates:
    """PEM files of a server, of allowed clients and of others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = self._write("ca.pem", self.ca.cert_pem.bytes())
        self.server = self.issue("server", "localhost")

    def issue(self, name: str, *identities: str, ca: trustme.CA | None = None, **how) -> tuple[Path, Path]:
        issued = (ca or self.ca).issue_cert(*identities, **how)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return self._write(f"{name}.pem", chain), self._write(f"{name}.key", issued.private_key_pem.bytes())

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path


class TlsService(Service):
    """A market, the quoting process, and the TLS process in front of it."""

    def __init__(self, folder: Path) -> None:
        self.certificates = Certificates(folder)
        certificate, key = self.certificates.server
        tls = (
            f'[acceptor.tls]\ncertificate = "{certificate}"\nkey = "{key}"\nclient_ca = "{self.certificates.ca_file}"\n'
        )
        super().__init__(
            folder, before="logon_timeout_s = 2.0\nstuck_after_s = 1.0\n" + tls, clients=CLIENTS + CERTIFIED
        )
        self.tls = Process("quotelife.acceptor.tls.process", "--config", str(self.config))
        self.own = self.certificates.issue("oms", "oms.client.example")

    def connect(self, session: str, own: tuple[Path, Path] | None, **how) -> Client:
        """A client after its TLS handshake; ssl.SSLError or ConnectionError if that fails."""
        client = Client(self.port, session, **how)
        context = ssl.create_default_context(cafile=str(self.certificates.ca_file))
        if own is not None:
            context.load_cert_chain(*own)
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        return client

    def refused(self, reason: str) -> int:
        region = MetricsRegion.attach(self.run_directory / "metrics-tls")
        return int(region.values[region.counter("quotelife_tls_refused_total", reason=reason)])

    def __exit__(self, *exc) -> None:
        if self.tls.running():
            self.tls.stop()
        super().__exit__(*exc)


@pytest.fixture(scope="module")
def service(engine, tmp_path_factory) -> Iterator[TlsService]:
    with TlsService(tmp_path_factory.mktemp("tls")) as running:
        yield running


def test_a_client_with_a_certificate_is_served(service):
    with service.connect("CERT", service.own) as client:
        assert client.socket.version() in ("TLSv1.2", "TLSv1.3")
        client.logon()
        for _ in range(20):
            assert ask(client).type == "S"
        client.logout()


def test_every_fix_version_is_served_over_tls(service, tmp_path):
    initiator = Initiator(service.port, tmp_path, service.certificates.ca_file, *service.own)
    try:
        for version, session in VERSIONS.items():
            text = "131=tls-1|146=1|55=BTC-USD|54=1|38=1" if version != "FIX.4.2" else "131=tls-1|146=1|55=BTC-USD|38=1"
            initiator.send(session, f"35=R|{text}")
            assert initiator.next(session)["35"] == "S"
    finally:
        assert initiator.stop() == 0


@pytest.fixture(scope="module")
def strangers(service) -> dict[str, tuple[Path, Path] | None]:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return {
        "no certificate": None,
        "of another CA": service.certificates.issue("foreign", "oms.client.example", ca=trustme.CA()),
        "expired": service.certificates.issue("expired", "oms.client.example", not_after=past),
    }


@pytest.mark.parametrize("name", ["no certificate", "of another CA", "expired"])
def test_invalid_certificate_is_refused_and_others_undisturbed(service, strangers, name):
    before = service.refused("certificate")
    with service.connect("CERT", service.own) as client:
        client.logon()
        quote = ask(client)
        with pytest.raises((ssl.SSLError, ConnectionError)), service.connect("ORD1", strangers[name]) as stranger:
            stranger.logon()
        wait_until(lambda: service.refused("certificate") == before + 1)
        assert int(ask(client)[34]) == int(quote[34]) + 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (first_message("A", 1, [(98, 0), (108, 30), (141, "Y")], "ORD1"), "not_tls"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_tls"),
        (b"\x16\x03\x01\x02\x00" + os.urandom(512), "protocol"),
        (b"\x16\x03\x01", "timed_out"),
        (b"", "timed_out"),
    ],
    ids=["FIX", "HTTP", "no TLS record", "half a record", "nothing"],  # workers must agree on them
)
def test_non_tls_bytes_are_refused(service, raw, reason):
    before = {r: service.refused(r) for r in ("not_tls", "protocol", "timed_out", "hung_up")}
    with socket.create_connection(("127.0.0.1", service.port), 10) as stranger:
        stranger.sendall(raw)
        wait_until(lambda: service.refused(reason) == before[reason] + 1)
        assert b"35=" not in receive_all(stranger)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_an_old_version_of_tls_is_refused(service):
    before = service.refused("protocol")
    context = ssl.create_default_context(cafile=str(service.certificates.ca_file))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", service.port), 10) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain, server_hostname="localhost")
    wait_until(lambda: service.refused("protocol") == before + 1)


def test_certificate_of_another_client_is_refused(service):
    before = refusals(service, "certificate")
    other = service.certificates.issue("other", "other.client.example")
    with service.connect("CERT", other) as stranger:
        stranger.send("A", [(98, 0), (108, 30), (141, "Y")])
        assert stranger.receive("5")[58] == "logon refused"
    assert refusals(service, "certificate") == before + 1


def test_tls_client_that_does_not_read_is_cut_off(service):
    with service.connect("ORD1", service.own) as deaf, service.connect("ORD2", service.own) as client:
        deaf.logon()
        client.logon()
        region = MetricsRegion.attach(service.run_directory / "metrics-quoting")
        word = region.counter("quotelife_clients_cut_off_total", session="ORD1", reason="not_reading")
        deaf.socket.settimeout(0.2)
        at_first = resident_mb(service.tls.pid)
        while region.values[word] == 0:
            try:
                deaf.send("1", [(112, "x" * 3_000)])
            except TimeoutError:
                assert ask(client).type == "S"
            except OSError:
                break
            assert resident_mb(service.tls.pid) < at_first + 20
        wait_until(lambda: region.values[word] == 1)
        assert ask(client).type == "S"


def resident_mb(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def test_sessions_reconnect_after_the_tls_process_ends(service):
    with service.connect("CERT", service.own) as client:
        client.logon()
        assert service.tls.stop() == 0
        with pytest.raises(OSError):
            client.receive("S")
    service.tls = Process("quotelife.acceptor.tls.process", "--config", str(service.config))
    with service.connect("CERT", service.own) as client:
        client.out_seq = 2
        assert client.logon(reset=False).type == "A"
        assert ask(client).type == "S"


def test_a_new_certificate_is_served_from_then_on_and_connections_stay(service):
    def serial() -> str:
        with service.connect("FUND", service.own) as probe:
            return probe.socket.getpeercert()["serialNumber"]

    config, run = load(service.config), RunPaths(service.run_directory)
    proposals = Proposals(run)
    with service.connect("ORD1", service.own) as present:
        present.logon()
        before = serial()
        service.certificates.server = service.certificates.issue("server", "localhost")  # under the same names
        version = Version(1, digest(config), 1, RELOAD, (), config)
        proposals.propose(version)
        wait_until(lambda: all(state(proposals, p) == "prepared" for p in ("tls", "quoting")))
        assert serial() == before  # it has not been decided
        proposals.decide(version)
        wait_until(lambda: all(state(proposals, p) == "in_force" for p in ("tls", "quoting")))
        assert serial() != before
        assert ask(present).type == "S"


def state(proposals: Proposals, process: str) -> str:
    report = proposals.report(process)
    return "" if report is None or not report.wall_ns else report.state
