"""A client ends a quote without a hit: by QuoteRespType, with the price of its deal elsewhere, or by unsubscribing."""

from math import isnan

import pytest

from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.ledger.quote_state import CANCELLED, FILLED, PASSED
from quotelife.metrics.labels import PASS_KINDS
from tests.unit.rfq.rfq_rig import Rig
from tests.unit.rfq.test_withdrawal import hit

RELATED = "55=BTC-USD|54=1|38=1.5"


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.handler.sessions["ORD"].is_logged_on = True
    return rig


def end(rig: Rig, quote: dict[str, str], kind: str, rest: str = "") -> dict[str, str]:
    [answer] = rig.send("AJ", f"693=end|117={quote['117']}|694={kind}{rest}")
    return answer


def journalled(rig: Rig) -> Record:
    [record] = [record for record in rig.reader.read() if record.kind == J.KIND_PASS]
    return record


@pytest.mark.parametrize(
    ("kind", "name", "status", "text"),
    [
        ("3", "expired", "7", "expired"),
        ("4", "cover", "11", "cover"),
        ("5", "done_away", "11", "done away"),
        ("6", "passed", "11", "passed"),
        ("7", "end_trade", "11", "trade ended"),
        ("8", "timed_out", "7", "timed out"),
        ("9", "tied", "11", "tied"),
        ("10", "tied_cover", "11", "tied cover"),
    ],
)
def test_each_ending_ends_the_quote(rig, kind, name, status, text):
    quote = rig.ask("r1")
    answer = end(rig, quote, kind)
    assert (answer["35"], answer["297"], answer["58"], answer["693"]) == ("AI", status, text, "end")
    assert rig.state(quote) == PASSED
    assert hit(rig, quote, "late")["103"] == "99", "it cannot be hit any more"
    record = journalled(rig)
    assert PASS_KINDS[record.outcome] == name and isnan(record.elsewhere_ticks)
    assert (record.quote_id, record.request_id) == (quote["117"], "end")
    assert rig.handler.metrics.values[rig.handler.metrics._passed[name]] == 1


@pytest.mark.parametrize("kind", ["0", "11", "x", ""])
def test_unknown_response_type_changes_nothing(rig, kind):
    quote = rig.ask("r1")
    refused = end(rig, quote, kind)
    assert (refused["35"], refused["103"]) == ("8", "11") and f"'{kind}'" in refused["58"]
    assert hit(rig, quote, "a")["39"] == "2"


@pytest.mark.parametrize(
    ("side", "fields", "expected_side", "ticks"),
    [
        ("|54=1", "|44=100.5", 1, 201.0),
        ("|54=1", "|133=100.25", 1, 200.5),
        ("|54=2", "|132=99.5|133=100.5", 2, 199.0),
        ("", "|44=100", 0, 200.0),
        ("", "|132=99.5", 2, 199.0),
        ("", "|133=100.5", 1, 201.0),
        ("|54=1", "|132=99.5", 1, None),
    ],
)
def test_price_of_the_deal_elsewhere_is_journalled(rig, side, fields, expected_side, ticks):
    """In the quote's ticks of 0.5, exact also between two of them."""
    [quote] = rig.send("R", f"131=r1|146=1|55=BTC-USD|38=1.5{side}")
    assert end(rig, quote, "4", fields)["58"] == "cover"
    record = journalled(rig)
    assert record.side == expected_side
    assert isnan(record.elsewhere_ticks) if ticks is None else record.elsewhere_ticks == ticks


@pytest.mark.parametrize("price", ["x", "1e5", "NaN", "1.2.3", "--1", "9" * 40])
def test_price_that_is_none_is_not_recorded_and_says_so(rig, price):
    quote = rig.ask("r1")
    answer = end(rig, quote, "5", f"|44={price}")
    assert answer["58"] == f"done away; Price (44) is '{price}', which is not a price, and not recorded"
    assert rig.state(quote) == PASSED and isnan(journalled(rig).elsewhere_ticks)


@pytest.mark.parametrize("kind", ["3", "5", "6"])
def test_quote_that_has_ended_keeps_its_state_which_is_the_answer(rig, kind):
    filled, withdrawn, expired = rig.ask("r1"), rig.ask("r2"), rig.ask("r3")
    hit(rig, filled, "a")
    rig.send("Z", f"117={withdrawn['117']}|298=1")
    answers = [rig.send("AJ", f"693={q['131']}|117={q['117']}|694={kind}")[0] for q in (filled, withdrawn)]
    assert (rig.state(filled), rig.state(withdrawn)) == (FILLED, CANCELLED)
    rig.sleep(60_000)
    answers += rig.send("AJ", f"693=r3|117={expired['117']}|694={kind}")
    told = [(answer["297"], answer["58"]) for answer in answers]
    assert told == [("6", "filled"), ("1", "cancelled by the client"), ("7", "expired")]
    assert [record for record in rig.reader.read() if record.kind == J.KIND_PASS] == []


def test_unsubscription_ends_the_open_quote(rig):
    [quote] = rig.send("R", f"131=r1|146=1|{RELATED}|263=1")
    [answer] = rig.send("R", f"131=r1|146=1|{RELATED}|263=2")
    assert (answer["35"], answer["297"], answer["58"]) == ("AI", "1", "cancelled by the client")
    refused = hit(rig, quote, "a")
    assert (refused["39"], refused["103"]) == ("8", "99") and rig.state(quote) == CANCELLED
    assert hit(rig, rig.ask("r2"), "b")["39"] == "2", "other quotes stay open"


def test_ending_survives_a_restart(rig):
    quote = rig.ask("r1")
    end(rig, quote, "5", "|44=100")
    rig.restart()
    assert rig.state(quote) == PASSED
