"""Subscriptions: a new quote when the previous one has ended, never two, and every way in which they end."""

import pytest

from quotelife.ledger.quote_state import REPLACED, WITHDRAWN
from quotelife.runtime.clock import parse_utc_timestamp, utc_timestamp
from tests.unit.rfq.rfq_rig import Rig
from tests.unit.rfq.test_withdrawal import cancels, hit

RELATED = "55=BTC-USD|54=1|38=1.5"


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.handler.sessions["ORD"].is_logged_on = True
    return rig


def subscribe(rig: Rig, request_id: str = "r1", related: str = RELATED) -> dict[str, str]:
    [quote] = rig.send("R", f"131={request_id}|146=1|{related}|263=1")
    return quote


def sleep_past_deadline(rig: Rig, quote: dict[str, str]) -> None:
    rig.sleep((parse_utc_timestamp(quote["62"]) - rig.wall_ns) / 1e6)


def test_expired_quote_is_followed_by_another(rig):
    quote = subscribe(rig)
    ids = {quote["117"]}
    for _ in range(5):
        assert cancels(rig) == [], "not before the quote has ended"
        sleep_past_deadline(rig, quote)
        [quote] = cancels(rig)
        assert quote["35"] == "S" and quote["131"] == "r1"
        ids.add(quote["117"])
    assert len(ids) == 6
    live = [q for q in rig.handler.open_quotes._quotes.values() if q.is_live(rig.mono_ns)]
    assert [q.quote_id for q in live] == [quote["117"]]


def test_withdrawn_quote_is_renewed_after_the_interval(rig):
    quote = subscribe(rig)
    rig.sleep(1)
    rig.shift_book(10)
    [cancel] = cancels(rig)
    assert (cancel["35"], cancel["117"]) == ("Z", quote["117"])
    rig.sleep(rig.config.streaming.min_interval_ms - 1.001)
    assert cancels(rig) == []
    rig.sleep(0.001)
    [other] = cancels(rig)
    assert other["35"] == "S" and other["133"] != quote["133"]
    assert hit(rig, quote, "a")["103"] == "8" and rig.state(quote) == WITHDRAWN
    assert hit(rig, other, "b")["39"] == "2"


def test_quote_is_renewed_after_the_previous_one_was_evicted(rig):
    """After a minute without a market only the id of the request is known; the subscription continues."""
    quote = subscribe(rig)
    sleep_past_deadline(rig, quote)
    rig.handler.quoter.board, board = None, rig.handler.quoter.board
    assert cancels(rig) == []
    rig.sleep(60_000)
    assert rig.ask("other", RELATED)["35"] == "AG"
    assert quote["117"] not in rig.handler.open_quotes._quotes
    rig.handler.quoter.board = board
    [new] = cancels(rig)
    assert new["131"] == "r1"
    assert rig.send("R", f"131=r1|146=1|{RELATED}|263=1")[0]["117"] == new["117"]
    assert rig.ask("r1", "55=BTC-USD|54=2|38=1.5")["658"] == "99" and rig.refusals("duplicate") == 1


def test_renewal_replaces_the_previous_quote(rig):
    quote = subscribe(rig)
    sleep_past_deadline(rig, quote)
    [other] = cancels(rig)
    refused = hit(rig, quote, "a")
    assert refused["103"] == "8" and rig.state(quote) == REPLACED
    assert rig.send("R", f"131=r1|146=1|{RELATED}|263=1")[0]["117"] == other["117"]


def test_client_time_limit_ends_the_subscription(rig):
    until = utc_timestamp(rig.wall_ns + 30_000_000)
    quote = subscribe(rig, related=f"{RELATED}|62={until}")
    sleep_past_deadline(rig, quote)
    for _ in range(5):
        rig.sleep(100)
        assert cancels(rig) == []
    assert rig.handler.subscriptions.of_request("ORD", "r1") == []


def test_renewal_waits_for_a_market(rig):
    quote = subscribe(rig)
    rig.handler.quoter.board, board = None, rig.handler.quoter.board
    sleep_past_deadline(rig, quote)
    assert cancels(rig) == []
    rig.handler.quoter.board = board
    rig.sleep(rig.config.streaming.min_interval_ms)
    assert [q["35"] for q in cancels(rig)] == ["S"]


@pytest.mark.parametrize("how", ["unsubscribe", "hit", "pass", "cancel", "logout"])
def test_client_ends_the_subscription(rig, how):
    quote = subscribe(rig)
    if how == "unsubscribe":
        [status] = rig.send("R", f"131=r1|146=1|{RELATED}|263=2")
        assert (status["35"], status["297"], status["117"]) == ("AI", "1", quote["117"])
    elif how == "hit":
        assert hit(rig, quote, "a")["39"] == "2"
    elif how == "pass":
        rig.send("AJ", f"693=a|117={quote['117']}|694=6")
    elif how == "cancel":
        rig.send("Z", f"117={quote['117']}|298=1")
    else:
        rig.handler.on_logout("ORD", "session_ended", rig.wall_ns, rig.mono_ns)
    sleep_past_deadline(rig, quote)
    rig.sleep(1_000)
    assert cancels(rig) == []


def test_invalid_subscriptions_are_refused(rig):
    [refused] = rig.send("R", f"131=r1|146=1|{RELATED}|263=2")
    assert refused["35"] == "AG" and rig.refusals("malformed") == 1
    rig.handler.subscriptions._policy = type(rig.config.streaming)(max_per_session=1)
    subscribe(rig)
    [refused] = rig.send("R", f"131=r2|146=1|{RELATED}|263=1")
    assert refused["658"] == "3" and rig.refusals("rate_limited") == 1
    assert rig.send("R", f"131=r3|146=1|{RELATED}|263=0")[0]["35"] == "S", "a request for a single quote is answered"


def test_failed_pricing_is_retried_after_the_interval(rig, monkeypatch, caplog):
    quote = subscribe(rig)
    sleep_past_deadline(rig, quote)

    def broken(*_):
        raise RuntimeError("pricing")

    monkeypatch.setattr(rig.handler.quoter, "quote", broken)
    assert cancels(rig) == [] and "pricing" in caplog.text
    monkeypatch.undo()
    rig.sleep(100)
    assert len(cancels(rig)) == 1
