"""Hits on quotes: in time filled, late refused, anything else refused in words; never twice."""

import time

import pytest

from tests.acceptance.client import Client, Message, seconds
from tests.acceptance.rfq.test_quote_request import ask, new_id, related


@pytest.fixture
def client(service):
    with service.client("FUND") as client:
        yield client


def quote(client: Client, side: int | None = 1, **arguments) -> Message:
    """A quote that lives long enough to be hit by a test."""
    answer = ask(client, related(side=side), more=[(20001, "CLIENT_PRIORITY")], **arguments)
    assert answer.type == "S", answer
    return answer


def respond(client: Client, quote_id: str, kind: object = 1, fields=(), response_id: str | None = None) -> Message:
    client.send("AJ", [(693, response_id or new_id()), (117, quote_id), (694, kind), *fields])
    return client.receive("8", "AI", "3", "j")


def order(client: Client, quote_id: str, fields=(), order_id: str | None = None, kind: str = "D") -> Message:
    standard = [(11, order_id or new_id()), (117, quote_id), (55, "BTC-USD"), (40, kind)]
    client.send("D", [*standard, *fields])
    return client.receive("8", "AI", "3", "j")


def filled(report: Message, quantity: str, price: str) -> None:
    assert report.type == "8" and report[39] == "2" and report[150] == "F", report
    assert (report[32], report[31], report[14], report[151]) == (quantity, price, quantity, "0")
    assert report[17] and report[37]


def refused(report: Message, *words: str, code: str | None = None) -> None:
    assert report.type == "8" and report[39] == "8" and report[150] == "8", report
    for word in words:
        assert word in report[58], report
    assert code is None or report[103] == code


def await_expiry(client: Client, given: Message) -> None:
    client.silence(max(seconds(given[62]) - time.time(), 0) + 0.002)


def test_a_quote_response_in_time_is_filled(client):
    given = quote(client)
    report = respond(client, given[117], response_id="resp-1")
    filled(report, "1.5", given[133])
    assert report[693] == "resp-1" and report[117] == given[117] and report[55] == "BTC-USD" and report[54] == "1"


def test_an_order_on_the_quote_is_filled(client):
    given = quote(client, side=2)
    report = order(client, given[117], [(54, 2), (38, "1.5"), (44, given[132])], order_id="order-1")
    filled(report, "1.5", given[132])
    assert report[11] == "order-1"


def test_part_of_the_size_is_filled(client):
    given = quote(client)
    filled(respond(client, given[117], fields=[(38, "0.5")]), "0.5", given[133])


@pytest.mark.parametrize(("side", "price_tag"), [("1", 133), ("2", 132)])
def test_two_way_quote_is_filled_on_the_named_side(client, side, price_tag):
    given = quote(client, side=None)
    filled(respond(client, given[117], fields=[(54, side)]), "1.5", given[price_tag])


def test_hit_after_valid_until_time_is_refused(client):
    given = quote(client)
    await_expiry(client, given)
    refused(respond(client, given[117], response_id="late"), "expired", given[117], code="4")
    status = client.receive("AI")
    assert status[297] == "7" and status[117] == given[117] and status[693] == "late"
    refused(order(client, given[117], [(54, 1)]), "expired", code="4")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([(38, "1.501")], ["OrderQty (38)", "up to 1.5"]),
        ([(38, "0")], ["above 0"]),
        ([(38, "many")], ["not a number"]),
        ([(44, "1.0")], ["Price (44)", "102"]),
        ([(44, "cheap")], ["Price (44)"]),
        ([(54, "2")], ["Side (54)"]),
        ([(54, "9")], ["Side (54)"]),
        ([(55, "ETH-USD")], ["BTC-USD", "ETH-USD"]),
    ],
)
def test_mismatching_hit_is_refused_and_the_quote_stays_open(client, fields, words):
    given = quote(client)
    refused(respond(client, given[117], fields=fields), *words)
    filled(respond(client, given[117]), "1.5", given[133])


def test_hit_without_a_known_quote_is_refused(client):
    refused(respond(client, "no-such-quote"), "unknown QuoteID", "no-such-quote", code="5")
    refused(respond(client, ""), "unknown QuoteID")
    given = quote(client)
    refused(respond(client, given[117], kind=11), "QuoteRespType (694)")
    refused(order(client, given[117], [(54, 1)], kind="2"), "OrdType (40)")
    client.send("AJ", [(117, given[117]), (694, 1)])
    refused(client.receive("8"), "QuoteRespID (693) is missing")


def test_hit_on_a_two_way_quote_without_a_side_is_refused(client):
    refused(respond(client, quote(client, side=None)[117]), "Side (54) is missing")


def test_a_quote_is_filled_once(client):
    given = quote(client)
    filled(respond(client, given[117]), "1.5", given[133])
    refused(respond(client, given[117]), given[117], code="6")


def test_repeated_response_gets_the_same_answer(client):
    given = quote(client)
    first = respond(client, given[117], response_id="twice")
    second = respond(client, given[117], response_id="twice")
    filled(first, "1.5", given[133])
    assert second[17] == first[17]


def test_another_session_cannot_hit_the_quote(client, service):
    given = quote(client)
    with service.client("ORD1") as other:
        refused(respond(other, given[117]), "unknown QuoteID")
    filled(respond(client, given[117]), "1.5", given[133])


def test_a_pass_ends_the_quote_and_a_counter_does_not(client):
    given = quote(client)
    counter = respond(client, given[117], kind=2, fields=[(44, "99")])
    assert counter.type == "AI" and counter[297] == "5"
    passed = respond(client, given[117], kind=6)
    assert passed.type == "AI" and passed[297] == "11" and passed[131] == given[131]
    refused(respond(client, given[117]), "passed")
    assert respond(client, "no-such-quote", kind=6)[297] == "9"


@pytest.mark.parametrize("polite", [True, False])
def test_logout_or_disconnect_voids_the_quotes(service, polite):
    with service.client("FUND") as client:
        given = quote(client)
        if polite:
            client.logout()
    with service.client("FUND") as client:
        refused(respond(client, given[117]), "ended with its session")


def test_position_of_the_desk_shifts_its_prices(start):
    service = start(instruments=LIMITED)
    with service.client("FUND") as client:
        assert quote(client, side=None)[132] == "100.0"
        filled(respond(client, quote(client, side=2)[117]), "1.5", "100.0")
        # long 1.5 of 4: the shift of 3/8 tick takes the bid to the next tick away from the client
        filled(respond(client, quote(client, side=2)[117]), "1.5", "99.5")
        answer = ask(client, related(side=2))
        assert answer.type == "AG" and "position limit" in answer[58] and answer[658] == "9"
        assert ask(client, related(side=1)).type == "S"


LIMITED = """
[[instrument]]
symbol = "BTC-USD"
tick = "0.5"
lot = "0.001"
venue = "SIM"
max_quantity = 20.0
max_position = 4.0
min_half_spread_ticks = 2.0

[[instrument]]
symbol = "ETH-USD"
tick = "0.01"
lot = "1"
venue = "SIM"
"""
