"""What the desk says about its positions: what it changes, what is refused, and that nothing is applied twice."""

import json
import threading

import pytest

from quotelife.rfq.positions.desk_changes import DeskChanges
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def say(rig: Rig, **change: object) -> dict:
    return json.loads(DeskChanges(rig.handler.positions).answer(json.dumps(change).encode()))


def deal(rig: Rig, request_id: str, size: str) -> dict[str, str]:
    quote = rig.ask(request_id, f"55=BTC-USD|54=1|38={size}")
    assert quote["35"] == "S", quote
    [report] = rig.send("AJ", f"693={request_id}|117={quote['117']}|694=1")
    assert report["39"] == "2"
    return quote


def test_a_desk_that_hedges_goes_on_quoting(rig):
    """Before, fills alone moved a position: the desk was refused by its own limit after the first hour."""
    deal(rig, "a", "20")
    deal(rig, "b", "10")
    assert rig.ask("c", "55=BTC-USD|54=1|38=1")["658"] == "9"
    done = say(rig, id="h1", symbol="BTC-USD", adjust="25.5", price="100.25", reason="hedged by phone")
    assert (done["changed"], done["added"], done["position"]) == (True, "25.5", "-4.5")
    assert rig.handler.open_quotes.positions[0] == -4_500
    assert rig.ask("d", "55=BTC-USD|54=1|38=1")["35"] == "S"
    rig.restart()
    assert rig.handler.open_quotes.positions[0] == -4_500
    assert rig.ask("e", "55=BTC-USD|54=1|38=20")["35"] == "S"


def test_the_same_change_is_applied_once_also_after_a_restart(rig):
    change = {"id": "x", "symbol": "BTC-USD", "adjust": 2, "price": 100}
    assert say(rig, **change)["changed"] is True
    assert say(rig, **change | {"adjust": "2.000", "reason": "sent again"})["changed"] is False
    rig.restart()
    assert say(rig, **change)["changed"] is False
    assert rig.handler.open_quotes.positions[0] == 2_000
    other = say(rig, **change | {"adjust": 3})
    assert other["kind"] == "conflict" and other["refused"]["field"] == "id"
    assert rig.handler.open_quotes.positions[0] == 2_000


def test_set_states_the_position_and_its_average_price(rig):
    quote = deal(rig, "a", "1.5")
    done = say(rig, id="1", symbol="BTC-USD", set="2", price="99.123")
    assert (done["added"], done["position"], done["average_price"]) == ("3.5", "2", pytest.approx(99.123))
    closed = say(rig, id="2", symbol="BTC-USD", adjust="-2", price="100.123")
    assert closed["position"] == "0" and closed["average_price"] is None and closed["realised"] == pytest.approx(2.0)
    assert quote["133"] and say(rig, id="3", symbol="BTC-USD", set="0")["added"] == "0"


def test_a_position_with_a_client_moves_alone(rig):
    deal(rig, "a", "1.5")
    done = say(rig, id="1", symbol="BTC-USD", client="Ordinary", set="0", reason="settled")
    assert (done["client"], done["added"], done["position"]) == ("Ordinary", "1.5", "0")
    exposure = rig.handler.quoter.exposure
    assert exposure.client_lots[0] == {0: 0} and exposure.lots[0] == -1_500
    rig.restart()
    assert rig.handler.quoter.exposure.client_lots[0] == {0: 0} and rig.handler.open_quotes.positions[0] == -1_500


def test_a_hit_that_is_being_stored_and_a_change_both_count(rig):
    quote = rig.ask("a")
    outcome = rig.receive("AJ", f"693=a|117={quote['117']}|694=1")
    say(rig, id="1", symbol="BTC-USD", set="3", price="100")
    assert rig.handler.open_quotes.positions[0] == 1_500
    rig.handler.store(outcome)
    assert rig.ledger.positions() == {"BTC-USD": 1_500}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"symbol": "NO-SUCH"}, "symbol", "'NO-SUCH' is not configured; allowed: BTC-USD, ETH-USD"),
        ({"client": "Nobody"}, "client", "allowed: Ordinary, Fund, Far"),
        ({"set": "1"}, "set", "one of set and adjust"),
        ({"adjust": None}, "set", "one of set and adjust"),
        ({"adjust": "0.0005"}, "adjust", "not a multiple of 0.001"),
        ({"adjust": "1e25"}, "adjust", "too large"),
        ({"adjust": "1e400"}, "adjust", "not an amount"),
        ({"adjust": "NaN"}, "adjust", ""),
        ({"price": "Infinity"}, "price", ""),
        ({"price": "1e29"}, "price", "too large"),
        ({"price": None}, "price", "price is missing"),
        ({"id": ""}, "body", "id"),
        ({"id": "x" * 65}, "body", "id"),
        ({"why": "?"}, "body", "why"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(rig, change, field, words):
    answer = say(rig, **{"id": "1", "symbol": "BTC-USD", "adjust": "1", "price": "100"} | change)
    assert answer["kind"] == "invalid" and answer["refused"]["field"] == field
    assert words in answer["refused"]["detail"]
    assert rig.ledger.positions() == {} and [*rig.handler.open_quotes.positions] == [0, 0, 0, 0]


def test_a_change_that_cannot_be_stored_changes_nothing(rig, caplog):
    rig.ledger.close()
    answer = say(rig, id="1", symbol="BTC-USD", adjust="1", price="100")
    assert answer["kind"] == "failed" and "nothing has changed" in answer["refused"]["detail"]
    assert rig.handler.open_quotes.positions[0] == 0


def test_changes_and_fills_of_many_threads_add_up(rig):
    quotes = [rig.ask(f"r{n}", "55=BTC-USD|54=1|38=0.1") for n in range(20)]

    def hit() -> None:
        for n, quote in enumerate(quotes):
            text = f"8=FIX.4.4|9=1|35=AJ|34=2|49=ORD|52=x|56=Q|693=h{n}|117={quote['117']}|694=1|10=000|"
            with rig.handler.lock:
                outcome = rig.handler.receive(text.replace("|", "\x01"), rig.wall_ns, rig.mono_ns)
            rig.handler.store(outcome)
            with rig.handler.lock:
                rig.handler.apply(outcome, rig.mono_ns)

    threads = [threading.Thread(target=hit)]
    threads += [
        threading.Thread(
            target=lambda t=t: [say(rig, id=f"{t}-{n}", symbol="BTC-USD", adjust="0.3", price="100") for n in range(20)]
        )
        for t in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert rig.ledger.positions() == {"BTC-USD": 3 * 20 * 300 - 20 * 100}
    assert rig.handler.open_quotes.positions[0] == rig.ledger.positions()["BTC-USD"]
