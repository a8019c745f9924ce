"""Outright forwards are quoted as spot plus points, swaps by their points on one spot price."""

from decimal import ROUND_UP, Decimal

import msgspec
import pytest

from quotelife.config.instrument_sections import Instrument
from quotelife.decision.quoted_instrument import QuotedInstrument
from tests.unit.rfq.terms.terms_rig import PAIR, TermsRig

FORWARD = "55=EUR/USD|54=1|38=1000|64=20260209"
SWAP = "55=EUR/USD|54=1|38=1000|40=G|193=20260209"


@pytest.fixture
def rig(tmp_path):
    return TermsRig(tmp_path)


def test_a_forward_is_spot_plus_points(rig):
    spot = rig.ask("a", "55=EUR/USD|38=1000")
    quote = rig.ask("b", "55=EUR/USD|38=1000|64=20260209")
    assert (quote["188"], quote["190"]) == (spot["132"], spot["133"])
    assert (quote["189"], quote["191"], quote["64"]) == ("0.00201", "0.00204", "20260209")
    assert Decimal(quote["132"]) == Decimal(spot["132"]) + Decimal("0.00201")
    assert Decimal(quote["133"]) == Decimal(spot["133"]) + Decimal("0.00204")


@pytest.mark.parametrize(
    "stated", ["63=M1", "64=20260209", "63=M1|64=20260209", "63=6|64=20260209", "63=B|64=20260209"]
)
def test_tenor_and_date_name_the_same_forward(rig, stated):
    quote = rig.ask("r", f"55=EUR/USD|54=1|38=1000|167=FXFWD|{stated}")
    assert (quote["191"], quote["64"]) == ("0.00204", "20260209")
    assert "188" not in quote and "189" not in quote


DAY_NS = 86_400 * 10**9


def test_a_settlement_in_the_past_is_refused(rig):
    """The rig's day is 2026-01-05, the date of tenor 1."""
    assert rig.ask("a", "55=EUR/USD|54=1|38=1000|63=1")["35"] == "S"
    rig.wall_ns += DAY_NS
    past = "; the settlement on 20260105 is in the past, today is 20260106"
    assert rig.ask("b", "55=EUR/USD|54=1|38=1000|63=1")["58"] == f"SettlType (63) of EUR/USD is '1'{past}"
    assert rig.ask("c", "55=EUR/USD|54=1|38=1000|64=20260105")["58"].endswith(past)
    swap = "55=EUR/USD|54=1|38=1000|40=G|63=1|193=20260209"
    assert rig.ask("d", swap)["58"].endswith(past)
    rig.wall_ns += 2 * DAY_NS
    own = rig.ask("e", "55=EUR/USD|54=1|38=1000|64=20260107")
    past = "'20260107'; the settlement on 20260107 is in the past, today is 20260108"
    assert own["58"] == f"SettlDate (64) of EUR/USD is {past}"
    assert rig.ask("f", SWAP)["58"].startswith("EUR/USD; the settlement on 20260107 is in the past")
    assert rig.ask("g", FORWARD)["35"] == rig.ask("h", "55=EUR/USD|54=1|38=1000")["35"] == "S"


def test_points_may_be_negative(rig):
    quote = rig.ask("r", "55=EUR/USD|54=2|38=1000|63=1")
    assert quote["189"] == "-0.00003"
    assert Decimal(quote["132"]) == Decimal(quote["188"]) - Decimal("0.00003")


@pytest.mark.parametrize(("side", "price"), [("1", "133"), ("2", "132")])
def test_the_result_of_a_forward_has_its_points(rig, side, price):
    quote = rig.ask("r", f"55=EUR/USD|54={side}|38=1000|63=M1")
    assert rig.hit(quote, f"54={side}|38=1000")["39"] == "2"
    position = rig.ledger.desk_positions()["EUR/USD"]
    assert position.average == round(Decimal(quote[price]) * 100_000) * 10**9
    [of_client] = rig.ledger.client_positions().values()
    assert of_client == position


def test_a_forward_is_filled_at_its_own_price(rig):
    quote = rig.ask("r", FORWARD)
    fill = rig.hit(quote, f"54=1|38=1000|44={quote['133']}|64=20260209|167=FXFWD")
    assert (fill["39"], fill["31"], fill["194"], fill["195"]) == ("2", quote["133"], quote["190"], "0.00204")
    assert fill["64"] == "20260209"
    [stored] = rig.ledger.fills(0)
    assert stored.price_ticks == round(Decimal(quote["133"]) * 100_000)
    assert rig.handler.open_quotes.positions[0] == -100_000
    journalled = [record for record in rig.reader.read() if record.kind == 2]
    assert journalled[0].offer_ticks == round(Decimal(quote["190"]) * 100_000)


def test_the_spot_price_is_no_price_of_a_forward(rig):
    quote = rig.ask("r", FORWARD)
    fill = rig.hit(quote, f"54=1|38=1000|44={quote['190']}")
    assert fill["58"] == f"Price (44) is {quote['190']}; the quote's price is {quote['133']}"


@pytest.mark.parametrize("stated", ["64=20260107", "63=0", "64=20260407", "167=FXSPOT"])
def test_a_hit_for_another_settlement_is_refused(rig, stated):
    assert rig.hit(rig.ask("r", FORWARD), f"54=1|38=1000|{stated}")["39"] == "8"


def test_a_forward_is_restored_as_one(rig):
    quote = rig.ask("r", FORWARD)
    rig.restart()
    assert rig.ask("r", FORWARD) == quote
    assert rig.hit(quote)["31"] == quote["133"]


def test_the_status_of_a_forward_has_its_price_and_points(rig):
    quote = rig.ask("r", FORWARD)
    [status] = rig.send("a", f"117={quote['117']}")
    assert {tag: status[tag] for tag in ("133", "190", "191", "64")} == {
        tag: quote[tag] for tag in ("133", "190", "191", "64")
    }


def test_a_forward_is_withdrawn_by_the_spot_market(rig):
    quote = rig.ask("r", FORWARD)
    rig.handler.sessions["ORD"].is_logged_on = True
    rig.shift_book(200)
    assert any(f"117={quote['117']}" in text for text in rig.run_timers())


def test_a_forward_in_the_term_currency(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1100000|15=USD|64=20260209")
    fill = rig.hit(quote, "54=1|38=1100000")
    assert (fill["31"], fill["15"]) == (quote["132"], "USD")
    assert Decimal(fill["119"]) == (1_100_000 / Decimal(quote["132"])).quantize(Decimal("0.01"), ROUND_UP)


def test_a_limit_is_compared_with_the_price_of_the_forward(rig):
    assert rig.ask("a", FORWARD + "|44=1.10100")["35"] == "AG"
    assert rig.ask("b", FORWARD + "|44=1.10300")["35"] == "S"


def test_a_subscription_to_a_forward_is_renewed_as_one(rig):
    first = rig.ask("r", FORWARD + "|263=1")
    rig.sleep(11_000)
    [renewed] = [dict(f.split("=", 1) for f in text.split("\x01")[:-1]) for text in rig.run_timers()]
    assert (renewed["35"], renewed["64"], renewed["191"]) == ("S", "20260209", first["191"])
    assert renewed["117"] != first["117"]


def test_without_points_there_is_no_market(rig):
    rig.handler.issuer.terms.settlements["EUR/USD"].points.pop("M1")
    answer = rig.ask("r", FORWARD)
    assert (answer["658"], answer["58"]) == ("8", "no market for EUR/USD M1: there are no forward points")


def test_a_swap_has_one_spot_price_and_two_points(rig):
    """Whoever buys the far leg sells the near one, here at spot."""
    quote = rig.ask("r", SWAP + "|167=FXSWAP|192=1000")
    assert (quote["54"], quote["191"], quote["643"], quote["193"]) == ("1", "0.00000", "0.00204", "20260209")
    assert quote["133"] == quote["190"]
    fill = rig.hit(quote, f"54=1|38=1000|193=20260209|167=FXSWAP|44={quote['133']}")
    assert (fill["39"], fill["194"], fill["195"], fill["641"]) == ("2", quote["190"], "0.00000", "0.00204")
    assert fill["193"] == "20260209"
    assert rig.handler.open_quotes.positions[0] == 0


def test_a_swap_between_two_forwards(rig):
    quote = rig.ask("r", "55=EUR/USD|38=1000|63=M1|193=20260407")
    assert (quote["191"], quote["643"]) == ("0.00201", "0.00605")  # buys M3 at its offer, sells M1 at its bid
    assert (quote["189"], quote["642"]) == ("0.00204", "0.00601")
    assert Decimal(quote["133"]) == Decimal(quote["190"]) + Decimal("0.00201")


def test_a_swap_may_end_at_the_instruments_own_date(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1000|40=G|63=1|193=20260107")
    assert (quote["191"], quote["643"], quote["193"]) == ("-0.00003", "0.00000", "20260107")
    fill = rig.hit(quote, f"54=1|38=1000|44={quote['133']}|193=20260107")
    assert (fill["39"], fill["195"], fill["641"]) == ("2", "-0.00003", "0.00000")
    assert rig.handler.open_quotes.positions[0] == 0


@pytest.mark.parametrize("side", ["1", "2"])
def test_a_swap_has_no_limit(rig, side):
    """Its prices are those of the near leg, which is not what it costs."""
    answer = rig.ask("r", f"55=EUR/USD|54={side}|38=1000|193=20260209|44=1.2")
    assert answer["658"] == "99"
    assert answer["58"] == "Price (44) of a swap in EUR/USD is '1.2'; allowed: absent"


@pytest.mark.parametrize(
    ("changed", "stated", "kind"),
    [
        ({"forward": [{**PAIR["forward"][2], "settl_date": None}, *PAIR["forward"][:2]]}, "63=M3|193=20260209", "M3"),
        ({"settl_date": None}, "193=20260105", "0"),
    ],
)
def test_a_swap_whose_near_date_is_not_known_is_not_quoted(rig, changed, stated, kind):
    """The far leg may be before it."""
    pair = msgspec.convert({**PAIR, **changed}, Instrument)
    rig.handler.quoter.instruments = {"EUR/USD": QuotedInstrument.of(pair, 0)}
    answer = rig.ask("r", f"55=EUR/USD|54=1|38=1000|{stated}")
    text = f"no swap in EUR/USD with a near leg of SettlType (63) '{kind}', whose date is not known; "
    assert (answer["35"], answer.get("58")) == ("AG", text + "state another near leg")


def test_a_swap_is_restored_as_one(rig):
    quote = rig.ask("r", SWAP)
    rig.restart()
    assert rig.ask("r", SWAP) == quote
    assert rig.hit(quote)["641"] == "0.00204"
    assert rig.handler.open_quotes.positions[0] == 0


def test_a_swap_is_not_quoted_in_fix42(rig):
    text = "8=FIX.4.2|9=1|35=R|34=2|49=ORD|52=x|56=Q|131=r|146=1|" + SWAP + "|10=000|"
    outcome = rig.handler.receive(text.replace("|", "\x01"), rig.wall_ns, rig.mono_ns)
    assert "swaps are not quoted in FIX.4.2" in outcome.messages[0]


@pytest.mark.parametrize(
    ("related", "stated"),
    [
        ("55=EUR/USD|54=1|38=1000|63=M1", "64=20260209"),
        (FORWARD, "64=20260209"),
        ("55=EUR/USD|54=1|38=1000|63=M1|193=20260407", "64=20260209|193=20260407"),
    ],
)
def test_a_date_that_the_hit_states_is_once_in_its_fill(rig, related, stated):
    quote = rig.ask("r", related)
    [fill] = rig.answer("D", f"11=o|117={quote['117']}|55=EUR/USD|40=D|54=1|38=1000|{stated}").messages
    assert "\x0139=2\x01" in fill
    assert [fill.count(f"\x01{field.split('=')[0]}=") for field in stated.split("|")] == [1] * len(stated.split("|"))
