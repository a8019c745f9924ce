"""Quote requests over the wire, as a client's OMS sends them: an answer to each, whatever is in it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.client import Client, Message, encode, seconds, sending_time

_ids = iter(range(10**9))


def new_id() -> str:
    return f"r{next(_ids)}"


def related(symbol: str = "BTC-USD", side: int | None = 1, quantity: object = "1.5") -> list[tuple[int, object]]:
    return [(55, symbol), *([] if side is None else [(54, side)]), (38, quantity)]


def ask(client: Client, *entries: list[tuple[int, object]], request_id: str | None = None, more=()) -> Message:
    """Send a request and return the first answer."""
    entries = entries or (related(),)
    fields = [(131, request_id or new_id()), (146, len(entries)), *(f for entry in entries for f in entry), *more]
    client.send("R", fields)
    return client.receive("S", "AG", "3", "j")


@pytest.fixture
def client(service):
    with service.client() as client:
        yield client


@pytest.fixture
def fund(service):
    with service.client("FUND") as client:
        yield client


def refused(message: Message, code: int, *words: str) -> None:
    assert message.type == "AG", message
    assert message[658] == str(code), message
    for word in words:
        assert word in message[58], message


def test_buying_client_gets_an_offer(client):
    before = time.time()
    quote = ask(client, request_id="first")
    after = time.time()
    assert quote.type == "S"
    assert quote[131] == "first" and quote[55] == "BTC-USD" and quote[54] == "1" and quote[117]
    # best offer 204 ticks of 0.5; the micro-price is 202 and the half-spread 2
    assert quote[133] == "102.0" and quote[135] == "1.5"
    assert 132 not in quote and 134 not in quote
    assert len(quote[62].partition(".")[2]) == 6 and len(quote[60].partition(".")[2]) == 6
    lifetime = seconds(quote[62]) - seconds(quote[60])
    assert before - 0.001 <= seconds(quote[60]) <= after
    assert lifetime == pytest.approx(int(quote[20004]) / 1e6, abs=2e-6)
    assert 0.005 <= lifetime <= 10.0
    assert quote[20001] == "LIQUIDITY_PROVIDER" and quote[20003] and 0 < float(quote[20002]) < 1


def test_selling_client_gets_a_bid(client):
    quote = ask(client, related(side=2))
    assert quote[54] == "2" and quote[132] == "100.0" and quote[134] == "1.5"
    assert 133 not in quote and 135 not in quote


def test_request_without_a_side_gets_both_prices(client):
    quote = ask(client, related(side=None))
    assert 54 not in quote
    assert (quote[132], quote[133], quote[134], quote[135]) == ("100.0", "102.0", "1.5", "1.5")


def test_large_size_is_priced_from_deeper_levels(client, service):
    service.market.do("book", symbol="BTC-USD", bid=200, ask=204, size=2_000)
    quote = ask(client, related(quantity="9"))
    # 2 a level at 204 .. 208: (2*204 + 2*205 + 2*206 + 2*207 + 1*208) / 9 = 205.8, rounded up
    service.calm()
    assert quote[133] == "103.0"


def test_two_related_symbols_get_a_quote_each(client):
    first = ask(client, related(), related("ETH-USD", 2, 5), request_id="both")
    second = client.receive("S", "AG")
    assert {first[55], second[55]} == {"BTC-USD", "ETH-USD"}
    assert first[131] == second[131] == "both" and first[117] != second[117]


def test_one_of_two_related_symbols_can_be_refused(client):
    answers = [ask(client, related(), related("NO-SUCH")), client.receive("S", "AG")]
    quote, reject = sorted(answers, key=lambda m: m.type, reverse=True)
    assert quote.type == "S" and quote[55] == "BTC-USD"
    refused(reject, 1, "NO-SUCH")
    assert reject[55] == "NO-SUCH" and reject[146] == "1"


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        (related("NO-SUCH"), 1, ["unknown symbol", "NO-SUCH"]),
        (related("VOL", 1, 1), 1, ["VOL"]),
        (related(quantity="10.001"), 3, ["OrderQty (38)", "10.001", "at most 10"]),
        (related(quantity="9" * 40), 3, ["OrderQty (38)"]),
        (related(quantity="0"), 99, ["above 0"]),
        (related(quantity="-1"), 99, ["above 0"]),
        (related(quantity="abc"), 99, ["not a number"]),
        (related(quantity="1e3"), 99, ["not a number"]),
        (related(quantity="0.0001"), 99, ["multiple of 0.001"]),
        ([(55, "BTC-USD"), (54, 1)], 99, ["OrderQty (38)", "missing"]),
        ([(55, "BTC-USD"), (54, 7), (38, 1)], 99, ["Side (54)", "7"]),
        ([(55, ""), (54, 1), (38, 1)], 99, ["Symbol (55)"]),
        ([(54, 1), (38, 1)], 99, ["Symbol (55)"]),
        ([*related(), (62, "tomorrow")], 99, ["ValidUntilTime (62)", "tomorrow"]),
        ([*related(), (126, "x")], 99, ["ExpireTime (126)"]),
        ([*related(), (62, "20200101-00:00:00")], 4, ["20200101-00:00:00"]),
        ([*related(), (555, 99)], 99, ["NoLegs (555)"]),
        ([*related(), (20001, "BEST")], 99, ["ExpiryModel (20001)", "BEST"]),
        ([*related(), (20001, "RISK_AVERSE")], 6, ["ExpiryModel (20001)"]),
    ],
)
def test_refusals_have_a_code_and_a_text(client, entry, code, words):
    answer = ask(client, entry, request_id="why")
    refused(answer, code, *words)
    assert answer[131] == "why"
    assert ask(client).type == "S", "the session goes on"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([(146, 1), *related()], ["QuoteReqID (131)"]),
        ([(131, ""), (146, 1), *related()], ["QuoteReqID (131)"]),
        ([(131, "m"), *related()], ["NoRelatedSym (146)", "missing"]),
        ([(131, "m"), (146, 2), *related()], ["146", "2", "1 Symbols"]),
        ([(131, "m"), (146, 1), *related(), *related("ETH-USD")], ["146", "several"]),
        ([(131, "m"), (146, 3), *related(), *related("ETH-USD")], ["3", "2 Symbols"]),
        ([(131, "m"), (146, 0)], ["146", "0"]),
        ([(131, "m"), (146, "x"), *related()], ["146", "x"]),
        ([(131, "m"), (146, -1), *related()], ["146", "-1"]),
        ([(131, "m"), (146, 99999999999999), *related()], ["146"]),
        ([(131, "m"), (146, ""), *related()], ["146"]),
        ([(131, "m")], ["146"]),
        ([(131, "m"), (146, 1), *related(), (54, 2)], ["54", "duplicate"]),
    ],
)
def test_malformed_requests_are_refused_with_a_text(client, fields, words):
    client.send("R", fields)
    answer = client.receive("S", "AG", "3", "j")
    refused(answer, 99, *words)
    assert answer[131]
    assert ask(client).type == "S"


def test_fields_that_change_nothing_are_ignored(client):
    entry = [(55, "BTC-USD"), (470, "US"), (54, 1), (9001, "x"), (38, 1), (106, "X")]
    assert ask(client, entry, more=[(58, "please"), (7777, "y")]).type == "S"
    entries = [[(55, s), (470, "US"), (107, "F"), (54, 1), (38, 1), (106, "X")] for s in ("BTC-USD", "ETH-USD")]
    assert [ask(client, *entries)[55], client.receive("S", "AG", "3")[55]] == ["BTC-USD", "ETH-USD"]


def test_an_entry_for_another_product_is_refused(client):
    entries = [[(55, s), (54, 1), (38, 1), (64, day)] for s, day in (("BTC-USD", "20270301"), ("ETH-USD", "20270302"))]
    refused(ask(client, *entries), 99, "SettlDate (64) of BTC-USD is '20270301'; allowed: absent")
    refused(client.receive("S", "AG", "3"), 99, "SettlDate (64) of ETH-USD is '20270302'; allowed: absent")
    refused(ask(client, [(55, "BTC-USD"), (54, 1), (38, 1)], more=[(120, "EUR")]), 99, "SettlCurrency (120) is 'EUR'")


@pytest.mark.parametrize(
    ("tag", "fields"),
    [
        ("131", [(131, "a"), (131, "b"), (146, 1), *related()]),
        ("146", [(131, "a"), (146, 1), *related(), (146, 1), *related("ETH-USD")]),
        ("62", [(131, "a"), (62, "20990101-00:00:00"), (62, "20990101-00:00:01"), (146, 1), *related()]),
        ("20001", [(131, "a"), (20001, "RISK_AVERSE"), (20001, "CLIENT_PRIORITY"), (146, 1), *related()]),
    ],
)
def test_duplicate_tag_outside_the_group_gets_a_session_reject(client, tag, fields):
    """The engine's own rule, before the service sees the message; the rules of engagement say so."""
    seq = client.send("R", fields)
    answer = client.receive("S", "AG", "3")
    assert (answer.type, answer[45], answer[371], answer[372], answer[373]) == ("3", str(seq), tag, "R", "13")
    client.silence(0.1)
    assert ask(client).type == "S"


def test_unsupported_message_type_is_rejected(client):
    seq = client.send("V", [(262, "x")])
    answer = client.receive("j", "3")
    assert answer[45] == str(seq) and answer[372] == "V"
    seq = client.send("8", [(37, "x")])
    answer = client.receive("j", "3")
    assert answer.type == "j" and answer[45] == str(seq) and answer[380] == "3"
    assert ask(client).type == "S"


def test_garbled_message_is_requested_again(client):
    raw = encode("FIX.4.4", [*client.header("R", client.out_seq), (131, "g"), (146, 1), *related()])
    client.send_raw(raw.replace(b"BTC-USD", b"BTC-USX"))
    client.out_seq += 1
    client.send("1", [(112, "still there?")])
    assert client.receive("2")[7] == str(client.out_seq - 2)


def test_repeated_request_returns_the_live_quote(client):
    first = ask(client, request_id="again")
    second = ask(client, request_id="again")
    assert second[117] == first[117] and second[62] == first[62] and second[133] == first[133]


def test_possresend_request_is_handled_like_a_repeated_request(client):
    fields = [(131, "resent"), (146, 1), *related()]
    client.send("R", fields)
    first = client.receive("S")
    client.send("R", fields, header=[(97, "Y")])
    assert client.receive("S")[117] == first[117]


def test_same_id_with_other_content_is_refused(client):
    assert ask(client, request_id="reused").type == "S"
    refused(ask(client, related(quantity="2"), request_id="reused"), 99, "reused", "other content")
    refused(ask(client, related(side=2), request_id="reused"), 99, "other content")


def test_two_clients_can_use_the_same_id(client, fund):
    assert ask(client, request_id="shared")[117] != ask(fund, request_id="shared")[117]


def test_repeated_request_after_expiry_is_refused(client):
    until = sending_time(0.3)
    entry = [*related(), (62, until)]
    quote = ask(client, entry, request_id="over")
    assert quote.type == "S" and seconds(quote[62]) <= seconds(until)
    client.silence(max(seconds(quote[62]) - time.time(), 0) + 0.01)
    refused(ask(client, entry, request_id="over"), 99, "over", "used before")


def test_client_limit_bounds_the_lifetime(client, fund):
    until = sending_time(0.05)
    quote = ask(fund, [*related(), (62, until)], more=[(20001, "CLIENT_PRIORITY")])
    assert quote[20003] == "client_limit"
    assert 0 <= seconds(until) - seconds(quote[62]) < 2e-6
    refused(ask(client, [*related(), (62, sending_time(0.003))]), 4, "useful")


@pytest.mark.parametrize("model", ["CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER"])
def test_permitted_client_chooses_the_model(fund, model):
    assert ask(fund, more=[(20001, model)])[20001] == model


def test_rules_choose_the_model(fund, client, service):
    legs = [*related(), (555, 2), (600, "A"), (624, 1), (600, "B"), (624, 2)]
    assert ask(fund, legs)[20001] == "CLIENT_PRIORITY"
    assert ask(client, legs)[20001] == "LIQUIDITY_PROVIDER"
    service.market.do("trade", symbol="BTC-USD", price=204, size=100)
    assert ask(fund, related(quantity="5"))[20001] == "CLIENT_PRIORITY"
    assert ask(fund, related(quantity="0.1"))[20001] == "LIQUIDITY_PROVIDER"
    service.market.do("news", symbol="BTC-USD", sentiment=-1.0)
    assert ask(fund, related(quantity="5"))[20001] == "RISK_AVERSE"
    service.market.do("news", symbol="BTC-USD", sentiment=0.0)


def test_client_without_disclosure_gets_no_model_fields(service):
    with service.client("DISCREET") as client:
        quote = ask(client)
    assert quote.type == "S" and 20004 in quote
    assert not any(tag in quote for tag in (20001, 20002, 20003, 20005))


def test_too_many_requests_a_second_are_refused(service):
    with service.client("SLOW") as client:
        answers = [ask(client) for _ in range(4)]
        assert [m.type for m in answers] == ["S", "S", "AG", "AG"]
        refused(answers[2], 3, "2 requests a second")
        client.silence(0.6)
        assert ask(client).type == "S"


def test_silent_venue_makes_the_book_stale(client, service):
    heard = time.time()
    service.market.do("venue", loud=False)
    client.silence(0.5)
    answer = ask(client)
    refused(answer, 8, "BTC-USD", "stale")
    since = answer[58].rpartition(" ")[2]
    assert abs(seconds(since) - heard) < 0.1
    service.calm()
    assert ask(client).type == "S"


def test_dead_board_writer_is_detected(client, service):
    service.market.do("writer", alive=False)
    client.silence(1.1)
    refused(ask(client), 8, "market data has stopped")
    service.calm()
    assert ask(client).type == "S"


@pytest.mark.parametrize(
    ("command", "code", "word"),
    [
        ({"what": "book", "bid": 0, "ask": 2002, "size": 500}, 8, "one-sided"),
        ({"what": "book", "bid": 2003, "ask": 2002, "size": 500}, 8, "crossed"),
        ({"what": "state", "state": "gap"}, 8, "gap"),
        ({"what": "state", "state": "disconnected"}, 8, "disconnected"),
        ({"what": "halt", "halted": True}, 2, "halted"),
    ],
)
def test_missing_market_has_its_own_refusal(client, service, command, code, word):
    service.market.do(symbol="ETH-USD", **command)
    answer = ask(client, related("ETH-USD", 1, 5))
    service.market.do("halt", symbol="ETH-USD", halted=False)
    service.calm()
    refused(answer, code, word, "ETH-USD")
    assert ask(client, related("ETH-USD", 1, 5)).type == "S"


def test_every_pipelined_request_is_answered(client):
    ids = [new_id() for _ in range(500)]
    for request_id in ids:
        client.send("R", [(131, request_id), (146, 1), *related(quantity="0.1")])
    assert [client.receive("S", "AG")[131] for _ in ids] == ids


def test_unknown_session_cannot_log_on(service):
    with Client(service.port, "STRANGER") as stranger, pytest.raises((ConnectionError, TimeoutError)):
        stranger.logon(timeout=3)


def test_sequence_numbers_continue_after_a_reconnect(service):
    with service.client("ORD2") as client:
        ask(client)
        client.logout()
        out_seq, in_seq = client.out_seq, int(client.log[-1][34])
    with Client(service.port, "ORD2") as client:
        client.out_seq = out_seq
        assert client.logon(reset=False)[34] == str(in_seq + 1)
        assert ask(client).type == "S"


def test_quotes_are_gap_filled_on_a_resend_request(service):
    with service.client("ORD2") as client:
        last = [ask(client) for _ in range(3)][-1]
        client.send("2", [(7, 2), (16, 0)])
        reset = client.receive("4", "S")
        assert reset.type == "4" and reset[123] == "Y" and reset[34] == "2" and int(reset[36]) == int(last[34]) + 1
        assert ask(client).type == "S"


def test_concurrent_clients_get_their_own_answers(service):
    def converse(session: str) -> list[tuple[str, str]]:
        with service.client(session) as client:
            answers = [ask(client, related(side=None, quantity="0.1"), request_id=f"{session}-{n}") for n in range(300)]
        return [(answer[131], answer[117]) for answer in answers]

    sessions = ("ORD1", "ORD2", "FUND", "DISCREET")
    with ThreadPoolExecutor(len(sessions)) as pool:
        found = list(pool.map(converse, sessions))
    assert [[asked for asked, _ in pairs] for pairs in found] == [[f"{s}-{n}" for n in range(300)] for s in sessions]
    assert len({quote_id for pairs in found for _, quote_id in pairs}) == 1200
