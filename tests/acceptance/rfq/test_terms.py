"""What a request states, over the wire: another product is refused by its name, and what is stated comes back."""

from collections.abc import Iterator
from decimal import ROUND_UP, Decimal

import pytest

from tests.acceptance.client import Client, Message
from tests.acceptance.conftest import INSTRUMENTS, Service

PAIR = """
[[instrument]]
symbol = "EUR/USD"
tick = "0.00001"
lot = "0.01"
venue = "SIM"
max_quantity = 50000000.0
base_currency = "EUR"
currency = "USD"
security_ids = { 4 = "EU0009652759" }
settl_date = "20990107"
[[instrument.forward]]
tenor = "M1"
settl_date = "20990209"
bid_points = "0.00201"
offer_points = "0.00204"
"""
_ids = iter(range(10**9))
Fields = list[tuple[int, object]]
SPOT: Fields = [(55, "EUR/USD"), (54, 1), (38, 1000)]
FORWARD: Fields = [(64, "20990209")]
SESSIONS = ["FUND", "OMS50", "OMS42"]
OF_44 = ["FUND", "OMS50"]


@pytest.fixture(scope="module")
def service(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, instruments=INSTRUMENTS + PAIR) as running:
        running.market.do("book", symbol="EUR/USD", bid=109_999, ask=110_001, size=1_000_000_000)
        yield running


def ask(client: Client, *entries: Fields) -> Message:
    """The answer to a request of these entries."""
    fields = [(131, f"r{next(_ids)}"), (146, len(entries)), *(field for entry in entries for field in entry)]
    client.send("R", fields)
    return client.receive("S", "AG", "b", "3", "j")


def hit(client: Client, quote: Message, *fields: tuple[int, object]) -> Message:
    """The answer to a D on a quote."""
    order = [(11, f"o{next(_ids)}"), (117, quote[117]), (21, 1), (55, "EUR/USD"), (40, "D"), *fields]
    client.send("D", order)
    return client.receive("8", "3", "j")


REFUSED: dict[str, tuple[Fields, str]] = {
    "settlement date": ([*SPOT, (64, "20270301")], "(64) of EUR/USD is '20270301'; allowed: 20990107 (regular), "),
    "swap": ([*SPOT, (40, "G"), (193, "20270301"), (192, 1000)], "(193)"),
    "unknown currency": ([*SPOT, (15, "JPY")], "Currency (15) of EUR/USD is 'JPY'; allowed: EUR, USD"),
    "option": ([*SPOT, (167, "OPT"), (200, "203012"), (201, 1), (202, 105)], "SecurityType (167) of EUR/USD is 'OPT'"),
    "another ISIN": ([*SPOT, (48, "US0378331005"), (22, "4")], "SecurityID (48) of EUR/USD is 'US0378331005'"),
    "non-deliverable": ([*SPOT, (167, "FXNDF")], "non-deliverable forwards are not quoted"),
}


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("name", REFUSED)
def test_another_product_is_refused_by_its_name(service, name, session):
    fields, text = REFUSED[name]
    with service.client(session) as client:
        answer = ask(client, fields)
        if session == "OMS42" and name == "swap":
            text = "swaps are not quoted in FIX.4.2"
        assert answer.type == ("b" if session == "OMS42" else "AG")
        assert text in answer[58]


@pytest.mark.parametrize("session", SESSIONS)
def test_an_identifier_finds_the_instrument(service, session):
    with service.client(session) as client:
        quote = ask(client, [(55, "[N/A]"), (48, "EU0009652759"), (22, "4"), (54, 1), (38, 1000)])
        assert (quote.type, quote[55], quote[48], quote[22]) == ("S", "EUR/USD", "EU0009652759", "4")


@pytest.mark.parametrize("session", OF_44)
def test_what_was_stated_comes_back_with_its_parties(service, session):
    stated = [(1, "ACC"), (15, "EUR"), (63, "0"), (64, "20990107"), (48, "EU0009652759"), (22, "4"), (453, 2)]
    stated += [(448, "A"), (447, "D"), (452, 3), (448, "B"), (447, "D"), (452, 11)]
    with service.client(session) as client:
        quote = ask(client, [*SPOT, *stated])
        client.send("a", [(649, "s"), (117, quote[117]), (55, "EUR/USD")])
        status = client.receive("AI", "3", "j")
        fill = hit(client, quote, (54, 1), (38, 1000))
        assert (quote.type, status.type, fill.type, fill[39]) == ("S", "AI", "8", "2")
        for message in (quote, status, fill):
            for tag, value in stated:
                assert str(value) in message.all(tag), message
            assert message.all(448) == ["A", "B"]


def test_a_hit_may_state_its_own_parties(service):
    parties = [(453, 2), (448, "A"), (447, "D"), (452, 3), (448, "B"), (447, "D"), (452, 11)]
    with service.client("FUND") as client:
        fill = hit(client, ask(client, SPOT), (54, 1), (38, 1000), (1, "MINE"), *parties)
        assert (fill.type, fill[39], fill[1], fill.all(448)) == ("8", "2", "MINE", ["A", "B"])


def test_two_entries_keep_their_own_parties(service):
    one = [*SPOT, (453, 1), (448, "A"), (447, "D"), (452, 3)]
    two = [(55, "ETH-USD"), (54, 1), (38, 1), (453, 1), (448, "B"), (447, "D"), (452, 3)]
    with service.client("FUND") as client:
        first, second = ask(client, one, two), client.receive("S")
        assert (first[55], first.all(448)) == ("EUR/USD", ["A"])
        assert (second[55], second.all(448)) == ("ETH-USD", ["B"])


@pytest.mark.parametrize("session", OF_44)
def test_an_indicative_quote_cannot_be_hit(service, session):
    with service.client(session) as client:
        quote = ask(client, [*SPOT, (537, 0)])
        assert (quote.type, quote[537]) == ("S", "0")
        assert 62 not in quote
        answer = hit(client, quote, (54, 1), (38, 1000))
        assert (answer[39], answer[58]) == ("8", f"quote {quote[117]} is indicative; it cannot be hit")


@pytest.mark.parametrize("session", SESSIONS)
def test_the_term_currency_is_dealt_exactly(service, session):
    with service.client(session) as client:
        quote = ask(client, [(55, "EUR/USD"), (54, 1), (38, 110000), (15, "USD")])
        assert (quote.type, quote[15], quote[134]) == ("S", "USD", "110000")
        assert 133 not in quote
        fill = hit(client, quote, (54, 1), (38, 110000), (15, "USD"))
        assert (fill[39], fill[32], fill[15], fill[120]) == ("2", "110000", "USD", "EUR")
        assert Decimal(fill[119]) == (110_000 / Decimal(quote[132])).quantize(Decimal("0.01"), ROUND_UP)


def test_cash_is_converted_to_units(service):
    with service.client("FUND") as client:
        quote = ask(client, [(55, "EUR/USD"), (54, 1), (152, 1000)])
        units, price = Decimal(quote[135]), Decimal(quote[133])
        assert units * price <= 1000 < (units + Decimal("0.01")) * price


@pytest.mark.parametrize("session", SESSIONS)
def test_a_forward_is_spot_plus_points(service, session):
    with service.client(session) as client:
        quote = ask(client, [*SPOT, *FORWARD])
        assert (quote.type, quote[191], quote[64]) == ("S", "0.00204", "20990209")
        assert Decimal(quote[133]) == Decimal(quote[190]) + Decimal(quote[191])
        fill = hit(client, quote, (54, 1), (38, 1000), (44, quote[133]))
        assert (fill[39], fill[31], fill[194], fill[195]) == ("2", quote[133], quote[190], "0.00204")


@pytest.mark.parametrize("session", OF_44)
def test_a_swap_has_two_dates(service, session):
    with service.client(session) as client:
        quote = ask(client, [*SPOT, (40, "G"), (193, "20990209"), (192, 1000)])
        assert (quote.type, quote[191], quote[643], quote[193]) == ("S", "0.00000", "0.00204", "20990209")
        assert hit(client, quote, (54, 1), (38, 1000))[39] == "2"
