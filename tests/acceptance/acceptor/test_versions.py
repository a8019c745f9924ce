"""A quote's life in all three FIX versions, at once on one acceptor: the same behaviour in each."""

import time
from typing import NamedTuple

import pytest

from tests.acceptance.client import Client, Message, seconds
from tests.acceptance.rfq.test_quote_request import new_id, related

SESSIONS = {"FIX.4.2": "OMS42", "FIX.4.4": "FUND", "FIX.5.0SP2": "OMS50"}
LIVES = [(20001, "CLIENT_PRIORITY")]  # long enough for a test


class Words(NamedTuple):
    """MsgType of a refusal and of a status report, and QuoteStatus (297) of each state, in one version."""

    refusal: str
    status: str
    open: str
    filled: str
    expired: str
    cancelled: str
    unknown: str
    fill: str  # ExecType (150)


WORDS = {
    "FIX.4.2": Words("b", "b", "0", "5", "5", "1", "5", "2"),
    "FIX.4.4": Words("AG", "AI", "0", "6", "7", "1", "9", "F"),
    "FIX.5.0SP2": Words("AG", "AI", "16", "6", "7", "17", "9", "F"),
}


class Oms:
    """A client of one version."""

    def __init__(self, client: Client, version: str) -> None:
        self.client, self.version, self.words = client, version, WORDS[version]

    def send(self, msg_type: str, fields: list[tuple[int, object]]) -> None:
        self.client.send(msg_type, fields)

    def receive(self, *types: str) -> Message:
        """The next answer, which is in the session's version."""
        message = self.client.receive(*types)
        assert message.raw.startswith(f"8={self.client.begin}\x01".encode()), message
        return message

    def ask(self, fields: list[tuple[int, object]] | None = None, request_id: str | None = None) -> Message:
        self.send("R", [(131, request_id or new_id()), (146, 1), *(fields or related()), *LIVES])
        return self.receive("S", "AG", "b", "3", "j")

    def quote(self, side: int = 1) -> Message:
        given = self.ask(related(side=side))
        assert given.type == "S", given
        return given

    def hit(self, quote_id: str, order_id: str | None = None, side: int = 1) -> Message:
        standard = [(11, order_id or new_id()), (117, quote_id), (55, "BTC-USD"), (54, side), (38, "1.5"), (40, "D")]
        self.send("D", standard)
        return self.receive("8")

    def status(self, quote_id: str) -> Message:
        self.send("a", [(117, quote_id), (55, "BTC-USD")])
        return self.receive(self.words.status, "3", "j")


@pytest.fixture(params=list(SESSIONS))
def oms(request, service):
    with service.client(SESSIONS[request.param]) as client:
        yield Oms(client, request.param)
        service.await_confirmation(client)


def await_expiry(oms: Oms, given: Message) -> None:
    oms.client.silence(max(seconds(given[62]) - time.time(), 0) + 0.002)


@pytest.mark.parametrize(("side", "price", "size"), [(1, 133, 135), (2, 132, 134)])
def test_a_request_is_quoted(oms, side, price, size):
    given = oms.ask(related(side=side), request_id=f"first-{side}")
    assert given.type == "S" and given[131] == f"first-{side}" and given[55] == "BTC-USD" and given[size] == "1.5"
    assert float(given[price]) in (99.5, 100.0, 102.0, 102.5)
    assert seconds(given[62]) - seconds(given[60]) == pytest.approx(int(given[20004]) / 1e6, abs=2e-6)
    assert (54 in given and 537 in given) == (oms.version != "FIX.4.2")


@pytest.mark.parametrize(
    ("fields", "code", "reason", "words"),
    [
        (related("NO-SUCH"), "1", "1", "unknown symbol NO-SUCH"),
        (related(quantity="1000"), "3", "3", "OrderQty (38)"),
        ([(55, "BTC-USD"), (54, 1)], "99", None, "OrderQty (38)"),
        ([*related(), (126, "20200101-00:00:00")], "4", "4", "20200101"),
    ],
)
def test_refusal_has_code_and_text(oms, fields, code, reason, words):
    refused = oms.ask(fields, request_id="why")
    assert refused.type == oms.words.refusal and refused[131] == "why" and words in refused[58]
    if oms.version == "FIX.4.2":
        assert refused[297] == "5" and refused.get(300) == reason and fields[0][1] in refused[58]
    else:
        assert refused[658] == code and refused[55] == fields[0][1]


def test_one_of_two_related_symbols_is_refused(oms):
    oms.send("R", [(131, "two"), (146, 2), *related(), *related("NO-SUCH"), *LIVES])
    answers = [oms.receive("S", oms.words.refusal) for _ in range(2)]
    assert {answer.type for answer in answers} == {"S", oms.words.refusal}
    assert {answer[131] for answer in answers} == {"two"}


def test_a_hit_in_time_is_filled_once(oms):
    given = oms.quote()
    report = oms.hit(given[117], "order-1")
    assert (report[39], report[150], report[11]) == ("2", oms.words.fill, "order-1")
    assert (report[32], report[31], report[14], report[151]) == ("1.5", given[133], "1.5", "0")
    assert (20 in report) == (oms.version == "FIX.4.2")
    assert oms.hit(given[117], "order-1")[17] == report[17], "a repeated hit gets the same answer"
    assert oms.hit(given[117])[39] == "8"
    assert oms.status(given[117])[297] == oms.words.filled


def test_a_late_hit_is_refused(oms):
    given = oms.quote()
    await_expiry(oms, given)
    report = oms.hit(given[117])
    assert (report[39], report[150], report[103]) == ("8", "8", "4") and "expired" in report[58]
    late = oms.receive(oms.words.status)
    assert late[117] == given[117] and late[297] == oms.words.expired and "expired" in late[58]


def test_quote_status_request_reports_the_state(oms):
    given = oms.quote()
    standing = oms.status(given[117])
    assert standing[297] == oms.words.open and standing[117] == given[117] and standing[131] == given[131]
    assert given[62] in (standing[58] if oms.version == "FIX.4.2" else standing[62])
    await_expiry(oms, given)
    assert oms.status(given[117])[297] == oms.words.expired
    unknown = oms.status("no-such-quote")
    assert unknown[297] == oms.words.unknown and "no-such-quote" in unknown[58]


def test_client_cancels_its_quote(oms):
    given = oms.quote()
    kind = 5 if oms.version == "FIX.5.0SP2" else 1
    oms.send("Z", [(117, given[117]), (298, kind), (295, 1), (55, "BTC-USD")])
    said = oms.receive(oms.words.status)
    assert said[117] == given[117] and said[297] == oms.words.cancelled
    assert oms.hit(given[117])[39] == "8"


def test_pass_ends_the_quote(oms):
    given = oms.quote()
    if oms.version == "FIX.4.2":  # it has no QuoteResponse: the client cancels a quote instead of passing
        oms.send("Z", [(117, given[117]), (298, 1), (295, 1), (55, "BTC-USD")])
        status, why = oms.words.cancelled, "cancelled by its client"
    else:
        oms.send("AJ", [(693, new_id()), (117, given[117]), (694, 6), (55, "BTC-USD")])
        status, why = "11", "passed"
    said = oms.receive(oms.words.status)
    assert said[117] == given[117] and said[297] == status
    assert why in oms.hit(given[117])[58]


def test_quote_response_hit_is_filled(oms):
    given = oms.quote()
    oms.send("AJ", [(693, "resp"), (117, given[117]), (694, 1), (55, "BTC-USD")])
    answer = oms.receive("8", "3", "j")
    if oms.version == "FIX.4.2":
        assert answer.type == "3" and answer[372] == "AJ", "not a message of FIX.4.2"
    else:
        assert answer[39] == "2" and answer[693] == "resp" and answer[117] == given[117]


def test_quote_is_withdrawn_when_the_market_moves(oms, service):
    given = oms.quote()
    service.market.do("book", symbol="BTC-USD", bid=220, ask=224, size=50_000)
    taken = oms.receive("Z")
    service.calm()
    assert taken[117] == given[117] and taken[131] == given[131] and taken[55] == "BTC-USD"
    assert taken[298] == ("5" if oms.version == "FIX.5.0SP2" else "1")
    report = oms.hit(given[117])
    assert report[39] == "8" and "withdrawn" in report[58]
    assert oms.status(given[117])[297] == oms.words.cancelled


def test_only_execution_reports_are_resent(oms):
    given = oms.quote()
    report = oms.hit(given[117])
    oms.send("2", [(7, 1), (16, 0)])
    again = oms.receive("8")
    assert again[43] == "Y" and again[17] == report[17]
    assert all(m.type in ("4", "8", "A") for m in oms.client.log[-2:])


def test_logon_with_another_version_is_refused(service):
    with Client(service.port, "OMS42", begin="FIX.4.4") as client, pytest.raises((ConnectionError, TimeoutError)):
        client.logon(timeout=2.0)


def test_all_versions_at_once(service):
    clients = {version: service.client(session) for version, session in SESSIONS.items()}
    quotes = {version: Oms(client, version).quote() for version, client in clients.items()}
    assert len({given[117] for given in quotes.values()}) == 3
    for version, client in clients.items():
        assert Oms(client, version).hit(quotes[version][117])[39] == "2"
        client.logout()
        client.close()
