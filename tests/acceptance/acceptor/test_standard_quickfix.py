"""A quote's whole life with a stock QuickFIX initiator under the standard's own dictionaries: no message is rejected.

The initiator validates everything that it can: user-defined fields, the order of fields, and that each has a value.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.acceptance.acceptor.test_versions_quickfix import WAIT_S, Initiator
from tests.acceptance.client import seconds
from tests.acceptance.conftest import Service
from tests.acceptance.rfq.test_quote_request import new_id
from tests.paths import ROOT

STANDARD = ROOT / "tests" / "dictionaries"
BEGIN_STRINGS = {"STD42": "FIX.4.2", "STD44": "FIX.4.4", "STD50": "FIXT.1.1", "FUND": "FIX.4.4"}
SPREAD = "55=[N/A]|54=1|38=2|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=3|624=2"
# long enough for a test, without a field of its own in each request
RULES = '[[rule]]\nmodel = "client_priority"\ntier = ["strategic"]\n'


@pytest.fixture(scope="module")
def service(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), before=RULES) as running:
        yield running


@pytest.fixture(scope="module")
def initiator(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Initiator]:
    folder = tmp_path_factory.mktemp("initiator")
    running = Initiator(service.port, folder, dictionaries=STANDARD, sessions=BEGIN_STRINGS)
    yield running
    assert running.stop() == 0


class Words(NamedTuple):
    """MsgType of a refusal and of a status, and QuoteStatus (297) of some states."""

    refusal: str
    status: str
    cancelled: str
    cancel_one: int  # QuoteCancelType (298)


WORDS = {
    "STD42": Words("b", "b", "1", 1),
    "STD44": Words("AG", "AI", "1", 1),
    "STD50": Words("AG", "AI", "17", 5),
}


class Oms:
    """One session of the initiator."""

    def __init__(self, initiator: Initiator, session: str) -> None:
        self.initiator, self.session, self.words = initiator, session, WORDS[session]
        self.is_old = session == "STD42"  # FIX.4.2 has neither QuoteResponse nor legs

    def send(self, text: str) -> dict[str, str]:
        """Send a message; its answer."""
        self.initiator.send(self.session, text)
        return self.more()

    def more(self) -> dict[str, str]:
        return self.initiator.next(self.session)

    def ask(self, related: str = "55=BTC-USD|54=1|38=1.5", more: str = "") -> dict[str, str]:
        return self.send(f"35=R|131={new_id()}{more}|146=1|{related}")

    def quote(self, related: str = "55=BTC-USD|54=1|38=1.5", more: str = "") -> dict[str, str]:
        given = self.ask(related, more)
        assert given["35"] == "S", given
        return given

    def order(self, quote_id: str, more: str = "54=1|38=1.5", kind: str = "D") -> dict[str, str]:
        text = f"35=D|11={new_id()}|21=1|117={quote_id}|55=BTC-USD|{more}|40={kind}|60=20260101-00:00:00"
        return self.send(text)

    def respond(self, quote_id: str, kind: int, more: str = "") -> dict[str, str]:
        return self.send(f"35=AJ|693={new_id()}|117={quote_id}|694={kind}|55=BTC-USD{more}")

    def status(self, quote_id: str) -> dict[str, str]:
        state = self.send(f"35=a|117={quote_id}|55=BTC-USD")
        assert state["35"] == self.words.status
        return state


@pytest.fixture(params=["STD42", "STD44", "STD50"])
def oms(request: pytest.FixtureRequest, initiator: Initiator) -> Iterator[Oms]:
    """Whatever a test receives is valid, and the service has rejected nothing."""
    running = Oms(initiator, request.param)
    yield running
    assert initiator.received[request.param].empty()
    assert initiator.rejected[request.param] == [] and initiator.refused[request.param] == []


def await_expiry(given: dict[str, str]) -> None:
    time.sleep(max(seconds(given["62"]) - time.time(), 0) + 0.002)  # the tests are about time passing


def test_requests_for_each_side_are_quoted(oms):
    assert {"133", "135"} <= oms.quote("55=BTC-USD|54=1|38=1.5").keys()
    assert {"132", "134"} <= oms.quote("55=BTC-USD|54=2|38=1.5").keys()
    two_way = oms.quote("55=BTC-USD|38=1.5")
    assert {"132", "133", "134", "135"} <= two_way.keys()
    assert not {"20001", "20002", "20003", "20004", "20005"} & two_way.keys()


def test_an_order_is_filled_once(oms):
    given = oms.quote()
    report = oms.order(given["117"])
    assert (report["35"], report["39"], report["31"], report["37"]) == ("8", "2", given["133"], given["117"])
    assert oms.order(given["117"])["39"] == "8"
    assert "filled" in oms.status(given["117"])["58"]


def test_a_response_is_filled(oms):
    if oms.is_old:
        return
    given = oms.quote("55=BTC-USD|38=1.5")
    report = oms.respond(given["117"], 1, "|54=2|38=0.5")
    assert (report["39"], report["54"], report["31"], report["14"]) == ("2", "2", given["132"], "0.5")


def test_a_multileg_is_quoted_and_filled(oms):
    if oms.is_old:
        return
    given = oms.quote(SPREAD)
    assert given["555"] == "2"
    report = oms.send(f"35=AJ|693={new_id()}|117={given['117']}|694=1|55=[N/A]|54=1|38=2|44={given['133']}")
    assert (report["39"], report["555"]) == ("2", "2")


GROUPS = {
    "two parties": "453=2|448=DESK|447=D|452=11|448=TRADER|447=D|452=12",
    "two allocations": "78=2|79=A|80=1|79=B|80=0.5",
    "two trading sessions": "386=2|336=1|336=2",
    "two underlyings": "711=2|311=BTC|311=USD",
}


@pytest.mark.parametrize("group", GROUPS)
def test_the_standards_groups_are_read(oms, group):
    """A hit with them has an answer, be it a refusal, and is no malformed message."""
    if oms.is_old and group not in ("two allocations", "two trading sessions"):
        return
    given = oms.quote()
    assert oms.order(given["117"], f"54=1|38=1.5|{GROUPS[group]}")["35"] == "8"
    if not oms.is_old and group in ("two parties", "two underlyings"):
        assert oms.respond(given["117"], 1, f"|{GROUPS[group]}")["35"] == "8"


def test_a_late_hit_is_refused(oms):
    given = oms.quote()
    await_expiry(given)
    report = oms.order(given["117"])
    assert (report["39"], report["103"]) == ("8", "4")
    assert "expired" in oms.more()["58"]
    assert "expired" in oms.status(given["117"])["58"]


@pytest.mark.parametrize(
    "more",
    ["54=1|38=100", "54=2|38=1", "54=X|38=1", "54=1|38=none", "54=1|38=1.5|44=1", "54=1|38=1.5|44=dear", "38=1.5"],
)
def test_a_wrong_hit_is_refused(oms, more):
    report = oms.order(oms.quote()["117"], more)
    assert (report["35"], report["39"]) == ("8", "8") and report["58"]


def test_hits_on_no_quote_are_refused(oms):
    assert oms.order("none")["39"] == "8"
    assert oms.order(oms.quote()["117"], kind="2")["39"] == "8"
    assert oms.status("none")["117"] == "none"


@pytest.mark.parametrize("kind", range(2, 13))
def test_every_other_response_is_answered(oms, kind):
    if not oms.is_old:
        assert oms.respond(oms.quote()["117"], kind)["35"] in ("AI", "8")


def test_the_client_cancels_its_quotes(oms):
    given = oms.quote()
    assert oms.status(given["117"])["297"] in ("0", "16")
    said = oms.send(f"35=Z|117={given['117']}|298={oms.words.cancel_one}|295=1|55=BTC-USD")
    assert said["297"] == oms.words.cancelled
    oms.quote()
    assert oms.send("35=Z|117=*|298=4|295=1|55=BTC-USD")["297"] == "4"


def test_a_quote_is_withdrawn_when_the_market_moves(oms, service):
    given = oms.quote()
    service.market.do("book", symbol="BTC-USD", bid=220, ask=224, size=50_000)
    cancel = oms.more()
    service.calm()
    assert cancel["35"] == "Z" and cancel["117"] == given["117"]
    assert oms.order(given["117"])["103"] == "8"


def test_a_subscription_is_renewed_and_ended(oms):
    first = oms.quote(more="|263=1")
    second = oms.more()
    assert (second["35"], second["131"]) == ("S", first["131"]) and second["117"] != first["117"]
    said = oms.send(f"35=R|131={first['131']}|263=2|146=1|55=BTC-USD|54=1|38=1.5")
    assert said["35"] == oms.words.status


@pytest.mark.parametrize(
    "related",
    [
        "55=NO-SUCH|54=1|38=1",
        "55=BTC-USD|54=1|38=1000",
        "55=BTC-USD|54=1|38=none",
        "55=BTC-USD|54=X|38=1",
        "55=BTC-USD|54=1",
        "55=BTC-USD|54=1|38=1|126=20200101-00:00:00",
        "55=BTC-USD|54=1|38=1|64=20300101",
        "55=NO-SUCH|54=1|38=1|55=BTC-USD|54=1",
    ],
)
def test_a_refusal_is_valid(oms, related):
    refused = oms.send(f"35=R|131={new_id()}|146={related.count('55=')}|{related}")
    assert refused["35"] == oms.words.refusal and refused["58"]
    if related.count("55=") > 1 and refused["58"].startswith("unknown"):
        assert oms.more()["35"] == oms.words.refusal


def test_a_repeated_request_and_a_closed_market_are_refused(oms, service):
    request = f"35=R|131={new_id()}|146=1|55=BTC-USD|54=1|38=1.5"
    given = oms.send(request)
    assert oms.send(request)["117"] == given["117"]
    assert oms.send(request.replace("38=1.5", "38=1"))["35"] == oms.words.refusal
    service.market.do("writer", alive=False)
    assert oms.more()["35"] == "Z", "the market-data process is gone"
    assert oms.ask()["35"] == oms.words.refusal
    service.calm()


def test_a_resent_report_is_valid(oms):
    report = oms.order(oms.quote()["117"])
    oms.initiator.expect(oms.session, 2)
    given = oms.ask()  # its answer is beyond the expected number: the engine asks for the rest first
    again = [given]
    while again[-1]["35"] != "S":
        again.append(oms.more())
    last = next(message for message in again if message["17"] == report["17"])
    assert last["43"] == "Y" and {message["35"] for message in again[:-1]} == {"8"}


def test_extensions_are_what_the_standards_dictionary_rejects(initiator):
    """The test of the test: this client has agreed on extensions, and has not loaded the dictionaries for them."""
    initiator.send("FUND", f"35=R|131={new_id()}|146=1|55=BTC-USD|54=1|38=1.5")
    until = time.monotonic() + WAIT_S
    while not initiator.rejected["FUND"] and time.monotonic() < until:
        time.sleep(0.01)
    [rejected] = initiator.rejected["FUND"]
    assert "\x01371=2000" in rejected and "\x01372=S\x01" in rejected
