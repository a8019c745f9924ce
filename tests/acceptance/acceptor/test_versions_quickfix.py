"""A quote's life with a real QuickFIX initiator that checks every message against the dictionaries."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from quotelife.config.shipped import FIX_CONFIG
from tests.acceptance.client import seconds
from tests.acceptance.conftest import Service
from tests.acceptance.rfq.test_quote_request import new_id
from tests.paths import ROOT

VERSIONS = {"FIX.4.2": "OMS42", "FIX.4.4": "FUND", "FIX.5.0SP2": "OMS50"}
SESSIONS = {"OMS42": "FIX.4.2", "FUND": "FIX.4.4", "OMS50": "FIXT.1.1"}
WAIT_S = 10.0


class Initiator:
    """The process of `tests.acceptance.initiator`; messages by session as dicts of tags. `rejected` are the messages by
    which it rejects what it has received, `refused` those by which the service rejects what it has sent."""

    def __init__(
        self,
        port: int,
        folder: Path,
        *tls: Path,
        dictionaries: Path = FIX_CONFIG,
        sessions: Mapping[str, str] = SESSIONS,
    ) -> None:
        arguments = (port, folder, dictionaries, ",".join(f"{name}={begin}" for name, begin in sessions.items()), *tls)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.initiator", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.received: dict[str, queue.Queue[dict[str, str]]] = {name: queue.Queue() for name in sessions}
        self.rejected: dict[str, list[str]] = {name: [] for name in sessions}
        self.refused: dict[str, list[str]] = {name: [] for name in sessions}
        assert self._process.stdout is not None
        ready = any(line == "READY initiator\n" for line in self._process.stdout)  # TLS prints a few lines first
        assert ready
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            if "rejected" in said:
                self.rejected[said["session"]].append(said["rejected"])
            elif "refused" in said:
                self.refused[said["session"]].append(said["refused"])
            else:
                fields = [field.split("=", 1) for field in said["text"].split("\x01")[:-1]]
                self.received[said["session"]].put(dict(fields))

    def send(self, session: str, text: str) -> None:
        self._command(session=session, text=text)

    def expect(self, session: str, number: int) -> None:
        """Make it expect this MsgSeqNum next, so that it asks for what it has missed."""
        self._command(session=session, expect=number)

    def _command(self, **what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def next(self, session: str) -> dict[str, str]:
        return self.received[session].get(timeout=WAIT_S)

    def stop(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(WAIT_S)


@pytest.fixture(scope="module")
def initiator(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Initiator]:
    running = Initiator(service.port, tmp_path_factory.mktemp("initiator"))
    yield running
    assert running.stop() == 0


@pytest.fixture(params=list(VERSIONS))
def oms(request, initiator):
    """(send a text, receive the next message) of one version's session; every message received is valid."""
    session = VERSIONS[request.param]

    def exchange(text: str) -> dict[str, str]:
        initiator.send(session, text)
        return initiator.next(session)

    exchange.version = request.param
    exchange.more = lambda: initiator.next(session)
    yield exchange
    assert initiator.received[session].empty()
    assert initiator.rejected[session] == []


def ask(oms, related: str = "55=BTC-USD|54=1|38=1.5", model: str = "CLIENT_PRIORITY") -> dict[str, str]:
    return oms(f"35=R|131={new_id()}|20001={model}|146=1|{related}")


def order(quote_id: str) -> str:
    return f"35=D|11={new_id()}|117={quote_id}|55=BTC-USD|54=1|38=1.5|40=D|60=20260101-00:00:00"


def test_request_hit_and_status_are_valid_messages(oms):
    given = ask(oms)
    assert given["35"] == "S" and float(given["133"]) > 0
    report = oms(order(given["117"]))
    assert (report["35"], report["39"]) == ("8", "2") and report["31"] == given["133"]
    assert oms(order(given["117"]))["39"] == "8"
    state = oms(f"35=a|117={given['117']}|55=BTC-USD")
    assert state["35"] in ("AI", "b") and state["58"].startswith("filled")


def test_refusals_are_valid_messages(oms):
    for related in ("55=NO-SUCH|54=1|38=1", "55=BTC-USD|54=1|38=1000", "55=BTC-USD|54=1|38=1|126=20200101-00:00:00"):
        refused = ask(oms, related)
        assert refused["35"] == ("b" if oms.version == "FIX.4.2" else "AG") and refused["58"]


def test_late_hit_is_refused(oms):
    given = ask(oms)
    time.sleep(max(seconds(given["62"]) - time.time(), 0) + 0.002)  # the test is about time passing
    report = oms(order(given["117"]))
    assert report["39"] == "8" and report["103"] == "4"
    assert oms.more()["297"] == ("5" if oms.version == "FIX.4.2" else "7")


def test_quote_is_withdrawn_when_the_market_moves(oms, service):
    given = ask(oms)
    service.market.do("book", symbol="BTC-USD", bid=220, ask=224, size=50_000)
    cancel = oms.more()
    service.calm()
    assert cancel["35"] == "Z" and cancel["117"] == given["117"]
    given = ask(oms)
    kind = 5 if oms.version == "FIX.5.0SP2" else 1
    said = oms(f"35=Z|117={given['117']}|298={kind}|295=1|55=BTC-USD")
    assert said["297"] == ("17" if oms.version == "FIX.5.0SP2" else "1")


def test_pass_and_multileg_quote_are_valid_messages(oms):
    if oms.version == "FIX.4.2":
        refused = oms("35=D|11=x|117=none|55=BTC-USD|54=1|38=1|40=D|60=20260101-00:00:00")
        assert refused["39"] == "8", "it has neither QuoteResponse nor legs"
        return
    given = ask(oms, "55=[N/A]|54=1|38=2|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=3|624=2")
    assert given["35"] == "S" and given["555"] == "2"
    assert oms(f"35=AJ|693={new_id()}|117={given['117']}|694=6|55=[N/A]")["297"] == "11"
    given = ask(oms, "55=[N/A]|54=1|38=2|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=3|624=2")
    report = oms(f"35=AJ|693={new_id()}|117={given['117']}|694=1|55=[N/A]|54=1|38=2|44={given['133']}")
    assert (report["39"], report["31"], report["555"]) == ("2", given["133"], "2")
