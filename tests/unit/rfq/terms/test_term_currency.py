"""Quantities in the term currency: Side (54) is that of the currency, sizes and fills are in it, lots are exact."""

from decimal import ROUND_DOWN, ROUND_UP, Decimal
from fractions import Fraction

import msgspec
import pytest

from quotelife.config import Config
from quotelife.market.board import layout as L
from tests.unit.rfq.terms.terms_rig import TermsRig

CENT = Decimal("0.01")
IN_USD = "55=EUR/USD|54=1|38=1100000|15=USD"


@pytest.fixture
def rig(tmp_path):
    return TermsRig(tmp_path)


def position(rig: TermsRig) -> Decimal:
    """The desk's, in the base currency."""
    return rig.handler.open_quotes.positions[0] * CENT


def test_buying_the_term_currency_is_selling_the_base(rig):
    quote = rig.ask("r", IN_USD)
    assert (quote["54"], quote["15"], quote["134"]) == ("1", "USD", "1100000")
    assert "133" not in quote and "135" not in quote
    assert Decimal(quote["132"]) < Decimal("1.1")
    fill = rig.hit(quote, "54=1|38=1100000|15=USD")
    assert (fill["39"], fill["54"], fill["38"], fill["32"], fill["15"]) == ("2", "1", "1100000", "1100000", "USD")
    bought = (Decimal(1_100_000) / Decimal(quote["132"])).quantize(CENT, ROUND_UP)
    assert (Decimal(fill["119"]), fill["120"]) == (bought, "EUR")
    assert position(rig) == bought


def test_selling_the_term_currency_is_buying_the_base(rig):
    quote = rig.ask("r", IN_USD.replace("54=1", "54=2"))
    assert (quote["54"], quote["135"]) == ("2", "1100000")
    assert "132" not in quote
    fill = rig.hit(quote, "54=2|38=1100000")
    assert position(rig) == -(Decimal(1_100_000) / Decimal(quote["133"])).quantize(CENT, ROUND_DOWN)
    assert fill["54"] == "2"
    [stored] = rig.ledger.fills(0)
    assert stored.side == 1  # of the base currency


def test_a_two_way_quote_is_dealt_on_either_side_at_its_own_price(rig):
    quote = rig.ask("r", "55=EUR/USD|38=1100000|15=USD")
    assert "54" not in quote
    assert (quote["134"], quote["135"]) == ("1100000", "1100000")
    fill = rig.hit(quote, "54=2|38=1100000")
    assert fill["31"] == quote["133"]
    assert position(rig) == -(Decimal(1_100_000) / Decimal(quote["133"])).quantize(CENT, ROUND_DOWN)


def test_a_partial_hit_is_converted_at_the_quoted_price(rig):
    quote = rig.ask("r", IN_USD)
    fill = rig.hit(quote, "54=1|38=333.33")
    assert (fill["38"], fill["39"]) == ("333.33", "2")
    assert position(rig) == (Decimal("333.33") / Decimal(quote["132"])).quantize(CENT, ROUND_UP)


class CoarseRig(TermsRig):
    """Lots of 1000 EUR, which cost about 1100 USD."""

    def configure(self) -> Config:
        config = super().configure()
        pair = msgspec.structs.replace(config.instrument[0], lot="1000")
        return msgspec.structs.replace(config, instrument=[pair, *config.instrument[1:]])


@pytest.mark.parametrize(("side", "quantity"), [("1", "1649"), ("2", "1649"), ("1", "10000"), ("2", "10450")])
def test_an_amount_that_is_not_worth_whole_lots_is_not_quoted(tmp_path, side, quantity):
    answer = CoarseRig(tmp_path).ask("r", f"55=EUR/USD|54={side}|38={quantity}|15=USD")
    assert (answer["35"], answer["658"]) == ("AG", "99")
    text = f"OrderQty (38) of EUR/USD: '{quantity}' is not an amount of whole lots of 1000 at the price"
    assert answer["58"] == text


@pytest.mark.parametrize(("side", "price"), [("1", "132"), ("2", "133")])
def test_a_hit_is_for_an_amount_of_whole_lots(tmp_path, side, price):
    rig = CoarseRig(tmp_path)
    one_lot = Decimal(rig.ask("spot", f"55=EUR/USD|54={'2' if side == '1' else '1'}|38=1000")[price]) * 1000
    quote = rig.ask("r", f"55=EUR/USD|54={side}|38={one_lot * 10}|15=USD")
    refused = rig.send("D", f"11=a|117={quote['117']}|55=EUR/USD|40=D|54={side}|38=9400")[0]
    assert (refused["103"], refused["58"]) == (
        "13", "OrderQty (38): '9400' is not an amount of whole lots of 1000 at the price"
    )  # fmt: skip
    assert rig.hit(quote, f"54={side}|38={one_lot * 8}")["119"] == "8000"


def test_cash_without_a_side_is_never_exceeded(rig):
    quote = rig.ask("r", "55=EUR/USD|152=1000000")
    assert quote["134"] == quote["135"]
    assert Decimal(quote["132"]) < Decimal(quote["133"])
    assert Decimal(quote["135"]) * Decimal(quote["133"]) <= 1_000_000
    fill = rig.send("AJ", f"693=a|117={quote['117']}|694=1|54=1")[0]
    assert Decimal(fill["32"]) * Decimal(fill["31"]) <= 1_000_000


@pytest.mark.parametrize(
    ("quantity", "code", "text"),
    [
        ("1100000.01", "3", "OrderQty (38) is 1100000.01; allowed: above 0, up to 1100000"),
        ("0.004", "13", "OrderQty (38) is 0.004, less than one lot, 0.01"),
        ("x", "13", "OrderQty (38): 'x' is not an amount; allowed: up to 18 digits with one point"),
    ],
)
def test_a_hit_outside_the_amount_is_refused(rig, quantity, code, text):
    fill = rig.hit(rig.ask("r", IN_USD), f"54=1|38={quantity}")
    assert (fill["103"], fill["58"]) == (code, text)
    assert position(rig) == 0


def test_a_hit_on_the_wrong_side_is_refused(rig):
    fill = rig.hit(rig.ask("r", IN_USD), "54=2|38=1100000")
    assert fill["58"].endswith("is for Side (54) 1, not 2")


def test_the_price_is_that_of_the_size_in_the_base_currency(rig):
    """The first level has 500,000 EUR; 1,100,000 USD are more at any price below 2.2."""
    words = rig.board.rows[0]
    words[L.VERSION] += 1
    words[L.BID_SZ], words[L.BID_SZ + 1] = 50_000_000, 100_000_000
    words[L.BID_PX + 1 : L.BID_PX + L.DEPTH] -= 500
    words[L.VERSION] += 1
    small = Decimal(rig.ask("a", "55=EUR/USD|54=1|38=110000|15=USD")["132"])
    large = rig.ask("b", IN_USD)
    assert Decimal(large["132"]) < small
    lots = rig.handler.open_quotes.find(large["117"]).decision.size_lots
    exact = Fraction(1_100_000) / Fraction(large["132"]) / Fraction("0.01")
    assert 0 <= lots - exact < 1


def test_the_status_and_the_restored_quote_are_in_the_term_currency(rig):
    quote = rig.ask("r", IN_USD)
    [status] = rig.send("a", f"117={quote['117']}")
    assert (status["54"], status["134"], status["15"], status["132"]) == ("1", "1100000", "USD", quote["132"])
    rig.restart()
    fill = rig.hit(quote, "54=1|38=1100000")
    assert position(rig) == (Decimal(1_100_000) / Decimal(fill["31"])).quantize(CENT, ROUND_UP)


def test_limits_hold_for_the_base_amount(rig):
    answer = rig.ask("r", "55=EUR/USD|54=1|38=60000000|15=USD")
    assert (answer["35"], answer["658"]) == ("AG", "3")
    assert "allowed: at most 50000000" in answer["58"]


def test_without_a_market_the_reason_is_given(rig):
    rig.sleep(60_000, alive=False)
    answer = rig.ask("r", IN_USD)
    assert answer["658"] == "8"


def test_cash_is_converted_to_units_and_never_exceeded(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|152=1000")
    assert (quote["54"], "15" in quote) == ("1", False)
    units, price = Decimal(quote["135"]), Decimal(quote["133"])
    assert units * price <= 1000 < (units + CENT) * price
    fill = rig.hit(quote, f"54=1|38={quote['135']}")
    assert (fill["39"], position(rig)) == ("2", -units)


def test_cash_of_an_instrument_that_states_its_currency(rig):
    quote = rig.ask("r", "55=OPT|54=2|152=2000000|15=USD")
    units, price = Decimal(quote["134"]), Decimal(quote["132"])
    assert units == 2_000_000 // price


def test_a_limit_is_in_the_price_of_the_pair(rig):
    """Who buys dollars sells euros: the limit is the lowest price."""
    assert rig.ask("a", IN_USD + "|44=1.09000")["35"] == "S"
    answer = rig.ask("b", IN_USD + "|44=1.11000")
    assert (answer["35"], "worse than Price (44) 1.11000" in answer["58"]) == ("AG", True)


def test_all_or_none_of_an_amount(rig):
    quote = rig.ask("r", "55=EUR/USD|38=1100000|15=USD|18=G")
    assert rig.hit(quote, "54=1|38=1000000")["39"] == "8"
    order = f"11=p|117={quote['117']}|55=EUR/USD|40=D|54=2|38=1100000"
    assert rig.send("D", order)[0]["39"] == "2"


@pytest.mark.parametrize("side", ["54=1|", "54=2|", ""])
@pytest.mark.parametrize(("condition", "least"), [("18=G", "1000000"), ("110=999999.999", "999999.999")])
def test_the_smallest_hit_of_an_amount_is_an_amount(rig, side, condition, least):
    """Not its lots: half a lot less rounds to as many."""
    quote = rig.ask("r", f"55=EUR/USD|{side}38=1000000|15=USD|{condition}")
    rig.restart()
    own = side or "54=1|"
    for n, less in enumerate(("999999.998", "999999")):
        [refused] = rig.send("D", f"11=l{n}|117={quote['117']}|55=EUR/USD|40=D|{own}38={less}")
        text = f"OrderQty (38) is {less}; the request allows no hit for less than {least}"
        assert (refused["103"], refused["58"]) == ("13", text)
    assert rig.hit(quote, f"{own}38={least}")["39"] == "2"


@pytest.mark.parametrize("zero", ["0", "0.00"])
def test_a_minimum_of_zero_is_none(rig, zero):
    quote = rig.ask("r", f"{IN_USD}|110={zero}")
    assert rig.send("D", f"11=p|117={quote['117']}|55=EUR/USD|40=D|54=1|38=1000|110={zero}")[0]["39"] == "2"


def test_a_minimum_beside_cash_is_refused(rig):
    answer = rig.ask("a", "55=EUR/USD|54=1|152=1000|110=5")
    assert answer["58"] == "MinQty (110) of EUR/USD is '5' beside CashOrderQty (152); allowed: absent"
    quote = rig.ask("b", "55=EUR/USD|54=1|152=1000|18=G")
    assert rig.hit(quote, "54=1|38=500")["103"] == "13"
    assert rig.send("D", f"11=w|117={quote['117']}|55=EUR/USD|40=D|54=1|38={quote['135']}")[0]["39"] == "2"


def test_conditions_of_a_hit_are_in_the_term_currency(rig):
    quote = rig.ask("r", IN_USD)
    terms = f"693=a|117={quote['117']}|694=1|55=EUR/USD|54=1|38=1100000|132={quote['132']}|134=1100000.0|110=1100000"
    assert rig.send("AJ", terms)[0]["39"] == "2"


def test_the_journal_names_the_side_of_the_base_currency_for_a_refused_hit(rig):
    quote = rig.ask("r", IN_USD)
    list(rig.reader.read())
    rig.hit(quote, "54=1|38=9999999")
    [record] = list(rig.reader.read())
    assert record.side == 2
