"""Price, MinQty and all-or-none of a request, and what a hit may say about the quote, are honoured."""

import pytest

from quotelife.ledger.quote_state import FILLED, OPEN
from tests.unit.rfq.rfq_rig import Rig, fields

BUY = "55=BTC-USD|54=1|38=2"


@pytest.fixture
def rig(tmp_path) -> Rig:
    return Rig(tmp_path)


def hit(rig: Rig, quote: dict[str, str], more: str = "", msg_type: str = "AJ") -> dict[str, str]:
    rig.hits = getattr(rig, "hits", 0) + 1
    ids = {"AJ": f"693=h{rig.hits}|694=1", "D": f"11=h{rig.hits}|40=D|55=BTC-USD|54=1"}[msg_type]
    return rig.send(msg_type, f"{ids}|117={quote['117']}" + (f"|{more}" if more else ""))[0]


@pytest.mark.parametrize(("side", "price"), [("1", "133"), ("2", "132")])
def test_price_is_the_worst_price_that_is_accepted(rig, side, price):
    quoted = float(rig.ask("plain", f"55=BTC-USD|54={side}|38=2")[price])
    worse = 0.25 if side == "1" else -0.25  # half a tick
    assert rig.ask("same", f"55=BTC-USD|54={side}|38=2|44={quoted}")[price] == f"{quoted}"
    assert rig.ask("loose", f"55=BTC-USD|54={side}|38=2|44={quoted + worse}")["35"] == "S"
    refused = rig.ask("tight", f"55=BTC-USD|54={side}|38=2|44={quoted - worse}")
    assert (refused["35"], refused["658"]) == ("AG", "5") and f"Price (44) {quoted - worse}" in refused["58"]
    assert rig.refusals("price_limit") == 1


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("38=2|44=100", "Price (44) of BTC-USD is 100, but Side (54) is missing"),
        ("54=1|38=2|44=x", "Price (44) of BTC-USD is 'x'; allowed: a number"),
        ("54=1|38=2|44=NaN", "Price (44) of BTC-USD is 'NaN'; allowed: a number"),
        ("54=1|38=2|44=1e999999999", "Price (44) of BTC-USD is '1e999999999'; allowed: a number"),
        ("54=2|38=2|44=1_0", "Price (44) of BTC-USD is '1_0'; allowed: a number"),
        ("54=1|38=2|44=" + "9" * 41, "Price (44) of BTC-USD is '999"),
        ("54=1|38=2|110=3", "MinQty (110) of BTC-USD is 3; allowed: up to 2"),
        ("54=1|38=2|110=x", "MinQty (110) of BTC-USD: 'x' is not a number"),
        ("54=1|38=2|18=G 6", "ExecInst (18) is 'G 6'"),
        ("54=1|38=2|263=3", "SubscriptionRequestType (263) is '3'"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(rig, said, text):
    refused = rig.ask("r", f"55=BTC-USD|{said}")
    assert (refused["35"], refused["658"]) == ("AG", "99") and refused["58"].startswith(text)


@pytest.mark.parametrize(("condition", "too_little", "enough"), [("110=1.5", "1.499", "1.5"), ("18=G", "1.999", "2")])
def test_a_hit_for_less_than_the_request_allows_is_refused(rig, condition, too_little, enough):
    quote = rig.ask("r", f"{BUY}|{condition}")
    refused = hit(rig, quote, f"38={too_little}")
    assert (refused["39"], refused["103"]) == ("8", "13") and f"no hit for less than {enough}" in refused["58"]
    assert rig.state(quote) == OPEN
    assert hit(rig, quote, f"38={enough}")["32"] == enough and rig.state(quote) == FILLED


def test_an_all_or_none_quote_can_be_hit_whole_without_a_quantity(rig):
    assert hit(rig, rig.ask("r", f"{BUY}|18=1 G"))["32"] == "2"


def test_conditions_of_one_entry_are_not_those_of_another(rig):
    first, second = rig.send("R", f"131=r|146=2|{BUY}|110=2|55=ETH-USD|54=1|38=2")
    assert hit(rig, first, "38=1")["39"] == "8" and hit(rig, second, "38=1")["39"] == "2"
    assert hit(rig, rig.ask("next", BUY), "38=1")["39"] == "2"


def test_the_smallest_hit_survives_a_restart(rig):
    bound, free = rig.ask("bound", f"{BUY}|110=1.5"), rig.ask("free", BUY)
    rig.restart()
    assert hit(rig, bound, "38=1")["103"] == "13" and hit(rig, free, "38=1")["39"] == "2"
    assert hit(rig, bound, "38=1.5")["39"] == "2"


def test_a_renewed_quote_has_the_conditions_of_its_subscription(rig):
    limit = float(rig.ask("plain", BUY)["133"])
    quote = rig.send("R", f"131=sub|263=1|146=1|{BUY}|44={limit}|110=2")[0]
    rig.sleep(60_000)
    [renewed] = [fields(text) for text in rig.run_timers()]
    assert renewed["35"] == "S" and renewed["117"] != quote["117"]
    assert hit(rig, renewed, "38=1")["103"] == "13"
    rig.sleep(60_000)
    rig.shift_book(10)
    assert rig.run_timers() == []


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        ("110=3", "99", "MinQty (110) is 3; the quantity of the hit is 2"),
        ("110=x", "99", "MinQty (110) is x"),
        ("132=1", "99", "BidPx (132) is 1; the quote's is"),
        ("133=1", "99", "OfferPx (133) is 1; the quote's is"),
        ("133=x", "99", "OfferPx (133) is x; the quote's is"),
        ("134=1", "99", "BidSize (134) is 1; the quote's is 2"),
        ("135=1", "99", "OfferSize (135) is 1; the quote's is 2"),
        ("62=20260105-09:59:59", "99", "ValidUntilTime (62) is '20260105-09:59:59', which has passed"),
        ("126=20260105-10:00:00", "99", "ExpireTime (126) is '20260105-10:00:00', which has passed"),
        ("126=soon", "99", "ExpireTime (126) is 'soon', which has passed or is no time"),
        ("15=EUR", "99", "Currency (15) of BTC-USD is 'EUR'; allowed: absent"),
        ("64=20270301", "99", "SettlDate (64) of BTC-USD is '20270301'"),
        ("59=1", "99", "TimeInForce (59) is '1'; allowed: 0 (day), 3 (immediate or cancel), 4 (fill or kill)"),
        ("797=Y", "99", "CopyMsgIndicator (797) is 'Y'"),
    ],
)
def test_a_hit_that_asks_for_something_else_is_refused(rig, said, code, text):
    quote = rig.ask("r", BUY)
    refused = hit(rig, quote, said)
    assert (refused["39"], refused["103"]) == ("8", code) and refused["58"].startswith(text)
    assert rig.state(quote) == OPEN


def test_a_hit_may_repeat_what_the_quote_says(rig):
    quote = rig.ask("r", "55=BTC-USD|38=2")
    said = "|".join(f"{tag}={quote[tag]}" for tag in ("62", "132", "133", "134", "135"))
    assert hit(rig, quote, f"54=1|{said}|110=2|18=G|59=4|63=0|1=ACC")["39"] == "2"


@pytest.mark.parametrize("tag", ["11", "117", "55", "54", "38", "40"])
def test_an_order_without_a_required_field_is_refused(rig, tag):
    quote = rig.ask("r", BUY)
    whole = {"11": "o", "117": quote["117"], "55": "BTC-USD", "54": "1", "38": "2", "40": "D"}
    for n, without in enumerate(({k: v for k, v in whole.items() if k != tag}, {**whole, tag: ""})):
        without |= {"11": f"o{n}"} if tag != "11" else {}
        [refused] = rig.send("D", "|".join(f"{k}={v}" for k, v in without.items()))
        assert refused["39"] == "8" and f"({tag})" in refused["58"] and rig.state(quote) == OPEN
    assert rig.send("D", "|".join(f"{k}={v}" for k, v in whole.items()))[0]["39"] == "2"


@pytest.mark.parametrize("without", ["693", "117", "694"])
@pytest.mark.parametrize("kind", ["1", "6"])
def test_a_response_without_a_required_field_changes_nothing(rig, kind, without):
    quote = rig.ask("r", BUY)
    whole = {"693": "x", "117": quote["117"], "694": kind}
    [answer] = rig.send("AJ", "|".join(f"{k}={v}" for k, v in whole.items() if k != without))
    assert f"({without})" in answer["58"] and rig.state(quote) == OPEN
    assert answer.get("297") in (None, "5", "9")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("117={}|295=1|55=BTC-USD", "QuoteCancelType (298) is missing"),
        ("117={}|298=", "QuoteCancelType (298) is missing"),
        ("298=1|295=1|55=BTC-USD", "QuoteID (117) is missing"),
        ("117={}|298=2", "QuoteCancelType (298) is '2'; allowed: 1 "),
        ("117=*|298=1|295=1|55=BTC-USD|167=OPT", "SecurityType (167) is 'OPT'; allowed: absent"),
    ],
)
def test_a_cancel_that_cannot_be_obeyed_is_rejected(rig, body, text):
    quote = rig.ask("r", BUY)
    [answer] = rig.send("Z", body.format(quote["117"]))
    assert (answer["35"], answer["297"]) == ("AI", "5") and answer["58"].startswith(text)
    assert rig.state(quote) == OPEN


def test_a_cancel_that_names_its_quote_may_describe_it(rig):
    quote = rig.ask("r", BUY)
    [answer] = rig.send("Z", f"117={quote['117']}|298=1|295=1|55=BTC-USD|167=FXSPOT")
    assert answer["297"] == "1" and rig.state(quote) != OPEN


def test_a_status_request_needs_its_quote_and_gets_one_answer(rig):
    quote = rig.ask("r", BUY)
    [answer] = rig.send("a", "649=s|55=BTC-USD")
    assert (answer["297"], answer["649"], answer["58"]) == ("5", "s", "QuoteID (117) is missing")
    [answer] = rig.send("a", f"649=s|117={quote['117']}|263=1")
    assert answer["297"] == "5" and "SubscriptionRequestType (263) is '1'" in answer["58"]
    [answer] = rig.send("a", f"649=s|117={quote['117']}|263=0|167=OPT")
    assert answer["297"] == "0"
