"""Multilegs from request to fill: leg prices of their own books, net price, refusals that name the leg, positions."""

from fractions import Fraction

import numpy as np
import pytest

from quotelife.decision.multileg.kernel import combine, net_price
from quotelife.decision.multileg.multileg import make_multileg
from quotelife.journal import layout as J
from quotelife.ledger.position import NANO
from quotelife.market.board import layout as L
from quotelife.market.grid import Grid
from quotelife_models import schema as S
from quotelife_models.enums import BUY, SELL
from tests.unit.rfq.rfq_rig import Rig

SPREAD = "555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2|"


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def legs(text: str) -> list[dict[str, str]]:
    """The fields of each leg of an answer."""
    found: list[dict[str, str]] = []
    for field in text[text.index("\x01555=") + 1 :].split("\x01")[1:]:
        tag, _, value = field.partition("=")
        if tag == "600":
            found.append({})
        if tag not in ("600", "623", "624", "687", "681", "684", "637"):
            break
        found[-1][tag] = value
    return found


def quote(rig: Rig, body: str, session: str = "FUND", request_id: str = "r") -> tuple[dict, list[dict[str, str]]]:
    [text] = rig.answer("R", f"131={request_id}|146=1|{body.rstrip('|')}|20001=CLIENT_PRIORITY", session).messages
    fields = dict(field.split("=", 1) for field in text.split("\x01")[:-1])
    return fields, legs(text) if "555" in fields else []


def alone(rig: Rig, symbol: str, side: int, quantity: str, request_id: str) -> float:
    answer = rig.ask(request_id, f"55={symbol}|54={side}|38={quantity}", "FUND")
    return float(answer["133" if side == 1 else "132"])


def test_a_sold_leg_counts_with_its_other_side():
    """The first leg is bought, the second sold at a ratio of 2."""
    legs = {
        "bid_size_ratio": (0.5, 3.0),
        "ask_size_ratio": (2.0, 0.25),
        "bid_price_age": (10.0, 400.0),
        "ask_price_age": (30.0, 5.0),
        "buy_intensity": (1.0, 7.0),
        "sell_intensity": (2.0, 4.0),
        "correlated_return_5s": (0.1, 0.3),
        "realised_volatility_300s": (3.0, 2.0),
    }
    xs, x = np.zeros((2, S.N_FEATURES)), np.zeros(S.N_FEATURES)
    for name, values in legs.items():
        xs[:, S.INDEX[name]] = values
    combine(xs, np.array([1.0, -1.0]), np.array([1.0, 2.0]), np.ones(2), x)
    assert {name: x[S.INDEX[name]] for name in legs} == {
        "bid_size_ratio": 0.25,  # the smallest
        "ask_size_ratio": 2.0,
        "bid_price_age": 5.0,
        "ask_price_age": 30.0,
        "buy_intensity": 5.0,  # the sum
        "sell_intensity": 9.0,
        "correlated_return_5s": -0.3,  # the largest, with the side
        "realised_volatility_300s": 5.0,  # the root of 3^2 + 4^2
    }


def test_a_buying_client_buys_legs_at_offers_and_sells_legs_at_bids(rig):
    given, parts = quote(rig, f"55=[N/A]|54=1|38=3|{SPREAD}")
    assert given["35"] == "S" and given["55"] == "[N/A]" and given["54"] == "1" and given["135"] == "3"
    assert [part["600"] for part in parts] == ["BTC-USD", "ETH-USD"]
    assert [part["687"] for part in parts] == ["3", "6"]
    assert "684" in parts[0] and "681" not in parts[0] and "681" in parts[1] and "684" not in parts[1]
    assert float(parts[0]["684"]) == alone(rig, "BTC-USD", 1, "3", "a")
    assert float(parts[1]["681"]) == alone(rig, "ETH-USD", 2, "6", "b")
    net = float(parts[0]["684"]) - 2 * float(parts[1]["681"])
    assert float(given["133"]) == pytest.approx(net, abs=1e-9)
    assert len(given["133"].partition(".")[2]) == 2, "the finer tick"


def test_an_unknown_leg_comes_before_a_duplicate_one(rig):
    twice = "600=BTC-USD|624=1|"
    refusal, _ = quote(rig, f"55=[N/A]|54=1|38=1|555=3|{twice}{twice}600=NONE|624=1|")
    assert refusal["35"] == "AG" and refusal["658"] == "1" and rig.refusals("unknown_symbol") == 1
    refusal, _ = quote(rig, f"55=[N/A]|54=1|38=1|555=2|{twice}{twice}", request_id="q")
    assert refusal["658"] == "99" and rig.refusals("malformed") == 1


def test_a_two_way_multileg_has_both_prices_of_each_leg(rig):
    given, parts = quote(rig, f"55=CAL|38=1|{SPREAD}")
    assert given["55"] == "CAL" and "54" not in given
    bid = float(parts[0]["681"]) - 2 * float(parts[1]["684"])
    offer = float(parts[0]["684"]) - 2 * float(parts[1]["681"])
    assert (float(given["132"]), float(given["133"])) == (pytest.approx(bid), pytest.approx(offer))
    assert bid < offer


def test_a_multileg_of_one_leg_is_quoted_like_the_instrument(rig):
    [plain] = rig.send("R", "131=p|146=1|55=BTC-USD|54=1|38=1.5|20001=CLIENT_PRIORITY", "FUND")
    given, _ = quote(rig, "54=1|38=1.5|555=1|600=BTC-USD|624=1|", request_id="q")
    for tag in ("133", "135", "20001", "20003", "20004"):
        assert given[tag] == plain[tag], tag
    assert float(given["20005"]) == pytest.approx(float(plain["20005"]), abs=1e-6)


@pytest.mark.parametrize("model", ["CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER"])
def test_every_model_works_on_a_multileg(rig, model):
    [given] = rig.send("R", f"131=m|146=1|55=[N/A]|54=2|38=1|{SPREAD}20001={model}", "FUND")
    assert given["35"] in ("S", "AG")
    if given["35"] == "S":
        assert given["20001"] == model
    else:
        assert given["658"] == "10"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("38=1|555=2|600=BTC-USD|624=1|600=NO-SUCH|624=2|", "1", ["LegSymbol (600)", "NO-SUCH"]),
        ("38=1|555=2|600=BTC-USD|624=1|600=BTC-USD|624=2|", "99", ["LegSymbol (600)", "BTC-USD"]),
        ("38=1|555=2|600=BTC-USD|624=1|600=NIGHT|624=2|", "2", ["NIGHT is closed"]),
        ("38=1.5|555=2|600=BTC-USD|624=1|600=ETH-USD|624=2|", "99", ["OrderQty (38)", "multiple of 1"]),
        ("38=0|555=1|600=BTC-USD|624=1|", "99", ["above 0"]),
        ("38=15|555=2|600=BTC-USD|623=2|624=1|600=ETH-USD|624=2|", "3", ["BTC-USD is 30", "20"]),
        ("38=16|555=2|600=ETH-USD|624=1|600=OPENING|623=1000|624=1|62=20200101-00:00:00|", "4", ["time limit"]),
        ("38=2|555=2|600=BTC-USD|623=2|624=1|687=5|600=ETH-USD|624=2|", "99", ["LegQty (687) of BTC-USD is 5", "4"]),
    ],
)  # fmt: skip
def test_a_refusal_names_the_leg(rig, body, code, words):
    given, _ = quote(rig, f"55=[N/A]|54=1|{body}")
    assert (given["35"], given["658"]) == ("AG", code), given
    for word in words:
        assert word in given["58"]


@pytest.mark.parametrize(("halted", "code", "word"), [(1, "2", "trading in ETH-USD"), (0, "8", "ETH-USD")])
def test_a_leg_without_a_market_refuses_the_multileg(rig, halted, code, word):
    row = rig.board.rows[1]
    if halted:
        row[L.HALTED] = 1
    else:
        row[L.STATE] = L.BOOK_GAP
    given, _ = quote(rig, f"55=[N/A]|54=1|38=1|{SPREAD}")
    assert (given["35"], given["658"]) == ("AG", code)
    assert word in given["58"]
    assert rig.ask("other")["35"] == "S"


def test_one_request_may_mix_multilegs_and_instruments(rig):
    body = f"131=mix|146=3|55=BTC-USD|54=1|38=1|55=[N/A]|54=1|38=1|{SPREAD}55=ETH-USD|54=2|38=5"
    answers = rig.send("R", body, "FUND")
    assert [a["35"] for a in answers] == ["S", "S", "S"]
    assert [a["55"] for a in answers] == ["BTC-USD", "[N/A]", "ETH-USD"]


def test_a_hit_fills_every_leg(rig):
    given, parts = quote(rig, f"55=[N/A]|54=1|38=3|{SPREAD}")
    [text] = rig.answer("AJ", f"693=h|117={given['117']}|694=1|38=2|44={given['133']}", "FUND").messages
    report = dict(field.split("=", 1) for field in text.split("\x01")[:-1])
    assert (report["39"], report["32"], report["31"], report["55"]) == ("2", "2", given["133"], "[N/A]")
    dealt = legs(text)
    assert [(leg["687"], leg["637"]) for leg in dealt] == [("2", parts[0]["684"]), ("4", parts[1]["681"])]
    assert rig.handler.open_quotes.positions[:2].tolist() == [-2000, 4], (
        "short of what the client got, long of what it gave"
    )
    positions = rig.ledger.desk_positions()
    assert positions["BTC-USD"].average == Fraction(parts[0]["684"]) / Fraction("0.5") * NANO
    assert positions["ETH-USD"].average == Fraction(parts[1]["681"]) / Fraction("0.01") * NANO


def test_a_multileg_over_the_position_limit_of_a_leg_is_refused(rig):
    rig.handler.open_quotes.positions[0] = -29_500
    given, _ = quote(rig, f"55=[N/A]|54=1|38=1|{SPREAD}")
    assert (given["35"], given["658"]) == ("AG", "9") and "BTC-USD is 1;" in given["58"]
    assert quote(rig, f"55=[N/A]|54=2|38=1|{SPREAD}", request_id="other")[0]["35"] == "S"


def test_legs_are_journalled_before_their_quote(rig):
    quote(rig, f"55=CAL|54=1|38=3|{SPREAD}")
    records = list(rig.reader.read())
    kinds = [r.kind for r in records]
    assert kinds == [J.KIND_LEG, J.KIND_LEG, J.KIND_QUOTE]
    assert [r.row for r in records] == [0, 1, -1]
    assert {r.quote_id for r in records} == {records[2].quote_id} and records[0].request_id == "CAL"


def test_a_listed_multileg_is_quoted_from_its_own_book(rig):
    given, parts = quote(rig, "55=BTC-USD|54=1|38=1|555=2|600=X|624=1|600=Y|624=2|")
    assert given["35"] == "S" and not parts


def test_ticks_and_lots_of_a_multileg(rig):
    btc, eth = rig.handler.quoter.instruments["BTC-USD"], rig.handler.quoter.instruments["ETH-USD"]
    multileg = make_multileg([(btc, BUY, 1), (eth, SELL, 3)])
    assert (multileg.prices.step, multileg.sizes.step) == ("0.01", "1")
    assert [(leg.weight, leg.unit_lots) for leg in multileg.legs] == [(50, 1000), (3, 3)]
    net = net_price(multileg.shape, np.array([[200, 204], [2000, 2002]]), 0, 1)
    assert net == (200 * 50 - 3 * 2002, 204 * 50 - 3 * 2000)
    assert multileg.position_changes(True, 2) == ((0, -2000), (1, 6))
    assert multileg.position_changes(False, 2) == ((0, 2000), (1, -6))
    assert Grid("0.01").text(-5) == "-0.05", "a net price may be negative"


def test_an_open_multileg_survives_a_restart(rig):
    given, parts = quote(rig, f"55=CAL|54=1|38=3|{SPREAD}")
    rig.sleep(5)
    assert rig.restart().open == 1
    [again] = rig.answer("R", f"131=r|146=1|55=CAL|54=1|38=3|{SPREAD}20001=CLIENT_PRIORITY", "FUND").messages
    fields = dict(field.split("=", 1) for field in again.split("\x01")[:-1])
    assert fields == given and legs(again) == parts
    [report] = rig.send("AJ", f"693=h|117={given['117']}|694=1", "FUND")
    assert (report["39"], report["31"]) == ("2", given["133"])
    assert rig.handler.open_quotes.positions[:2].tolist() == [-3000, 6] and rig.ledger.positions() == {
        "BTC-USD": -3000,
        "ETH-USD": 6,
    }


OTHER = "555=1|600=ETH-USD|624=1|"


def test_two_unnamed_multilegs_are_distinct(rig):
    body = f"131=two|20001=CLIENT_PRIORITY|146=2|55=[N/A]|54=1|38=1|{SPREAD}55=[N/A]|54=1|38=4|{OTHER}".rstrip("|")
    first, second = rig.send("R", body, "FUND")
    assert (first["135"], second["135"]) == ("1", "4")
    assert [a["117"] for a in rig.send("R", body, "FUND")] == [first["117"], second["117"]]
    rig.send("AJ", f"693=h|117={first['117']}|694=1", "FUND")
    again, refused = rig.send("R", body, "FUND")
    assert (again["117"], refused["35"], refused["55"]) == (second["117"], "AG", "[N/A]")


def test_two_unnamed_multilegs_can_both_be_subscribed(rig):
    rig.handler.sessions["FUND"].is_logged_on = True
    body = f"131=s|263=1|20001=CLIENT_PRIORITY|146=2|55=[N/A]|54=1|38=1|{SPREAD}55=[N/A]|54=1|38=4|{OTHER}".rstrip("|")
    given = rig.send("R", body, "FUND")
    assert [a["135"] for a in given] == ["1", "4"]
    rig.sleep(20_000)
    rig.handler.expire(rig.mono_ns)
    again = [parsed(text) for text in rig.run_timers()]
    assert sorted((a["135"], a["131"]) for a in again) == [("1", "s"), ("4", "s")]
    assert len({a["117"] for a in [*given, *again]}) == 4


def parsed(text: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in text.split("\x01")[:-1])


def test_a_status_request_returns_the_terms_of_a_multileg(rig):
    given, _ = quote(rig, f"55=CAL|54=1|38=3|{SPREAD}")
    [state] = rig.send("a", f"117={given['117']}|55=CAL", "FUND")
    assert (state["297"], state["55"], state["133"]) == ("0", "CAL", given["133"])
