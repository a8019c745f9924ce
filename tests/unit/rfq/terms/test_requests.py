"""What a request states is what is quoted, or it is refused by the field's name."""

from decimal import Decimal

import msgspec
import pytest

from quotelife.config.instrument_sections import Instrument
from quotelife.decision.quoted_instrument import QuotedInstrument
from tests.unit.rfq.terms.terms_rig import PAIR, TermsRig


@pytest.fixture
def rig(tmp_path):
    return TermsRig(tmp_path)


REFUSED = {
    "settlement date": ("55=EUR/USD|54=1|38=1000|64=20270301", "SettlDate (64) of EUR/USD is '20270301'; allowed: "
                        "20260107 (regular), 20260105 (1), 20260209 (M1), 20260407 (M3)"),
    "settlement type": ("55=EUR/USD|54=1|38=1000|63=2", "SettlType (63) of EUR/USD is '2'; allowed: 0, 1, M1, M3"),
    "unknown currency": ("55=EUR/USD|54=1|38=1000|15=JPY", "Currency (15) of EUR/USD is 'JPY'; allowed: EUR, USD"),
    "currency of a plain instrument": ("55=PLAIN|54=1|38=1|15=USD", "Currency (15) of PLAIN is 'USD'; allowed: absent"),
    "option": ("55=EUR/USD|54=1|38=1000|167=OPT", "SecurityType (167) of EUR/USD is 'OPT'; allowed: FXSPOT, FOR"),
    "maturity": ("55=PLAIN|54=1|38=1|200=203012", "MaturityMonthYear (200) of PLAIN is '203012'; allowed: absent"),
    "put": ("55=PLAIN|54=1|38=1|201=0", "PutOrCall (201) of PLAIN is '0'; allowed: absent"),
    "strike": ("55=OPT|54=1|38=1|202=105", "StrikePrice (202) of OPT is '105'; allowed: 105.5"),
    "another ISIN": ("55=EUR/USD|54=1|38=1000|48=US0378331005|22=4",
                     "SecurityID (48) of EUR/USD is 'US0378331005'; allowed: EU0009652759"),
    "non-deliverable": ("55=EUR/USD|54=1|38=1000|167=FXNDF|64=20260209",
                        "SecurityType (167) of EUR/USD is 'FXNDF'; non-deliverable forwards are not quoted"),
    "spot on a forward's date": ("55=EUR/USD|54=1|38=1000|167=FXSPOT|64=20260209",
                                 "SecurityType (167) of EUR/USD is 'FXSPOT'; allowed: FXFWD, FOR"),
    "two sizes": ("55=EUR/USD|54=1|38=1000|152=500",
                  "CashOrderQty (152) of EUR/USD is '500' beside OrderQty (38); allowed: one of them"),
    "cash in the base currency": ("55=EUR/USD|54=1|152=500|15=EUR",
                                  "Currency (15) of EUR/USD is 'EUR'; allowed with CashOrderQty (152): USD"),
    "cash without a currency": ("55=PLAIN|54=1|152=500", "CashOrderQty (152) of PLAIN is '500'; allowed: absent, "
                                "the instrument states no currency"),
    "no amount": ("55=EUR/USD|54=1|38=1e3|15=USD", "OrderQty (38) of EUR/USD: '1e3' is not an amount; "
                  "allowed: up to 18 digits with one point"),
    "less than a lot": ("55=EUR/USD|54=1|38=0.001|15=USD", "0.001 USD are less than one lot of EUR/USD, 0.01"),
    "far quantity without a swap": ("55=EUR/USD|54=1|38=1000|192=1000",
                                    "OrderQty2 (192) of EUR/USD is '1000'; allowed: absent, or with SettlDate2 (193)"),
    "swap without a far date": ("55=EUR/USD|54=1|38=1000|40=G", "SettlDate2 (193) of a swap in EUR/USD is missing"),
    "swap to an unknown date": ("55=EUR/USD|54=1|38=1000|40=G|193=20270301",
                                "SettlDate2 (193) of EUR/USD is '20270301'; allowed: 20260107 (regular), "
                                "20260105 (1), 20260209 (M1), 20260407 (M3)"),
    "swap backwards": ("55=EUR/USD|54=1|38=1000|40=G|64=20260407|193=20260209",
                       "SettlDate2 (193) of EUR/USD is '20260209'; allowed: a date after that of the near leg"),
    "uneven swap": ("55=EUR/USD|54=1|38=1000|40=G|193=20260209|192=2000",
                    "OrderQty2 (192) of EUR/USD is '2000'; allowed: OrderQty (38), '1000'"),
    "restricted": ("55=EUR/USD|54=1|38=1000|537=2", "QuoteType (537) is '2'; allowed: 0 (indicative), 1 (tradeable)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_another_product_is_refused_by_its_name(rig, name):
    related, text = REFUSED[name]
    answer = rig.ask("r", related)
    assert (answer["35"], answer["58"]) == ("AG", text)
    assert answer["658"] == "99"


def test_an_identifier_finds_the_instrument(rig):
    quote = rig.ask("r", "55=[N/A]|48=EU0009652759|22=4|54=1|38=1000")
    assert (quote["35"], quote["55"], quote["48"], quote["22"]) == ("S", "EUR/USD", "EU0009652759", "4")
    fill = rig.send("D", f"11=o|117={quote['117']}|55=[N/A]|48=EU0009652759|22=4|54=1|38=1000|40=D")[0]
    assert (fill["39"], fill["55"], fill["48"]) == ("2", "EUR/USD", "EU0009652759")


def test_an_unknown_identifier_is_an_unknown_symbol(rig):
    answer = rig.ask("r", "55=[N/A]|48=XX|22=4|54=1|38=1000")
    assert (answer["658"], answer["58"]) == ("1", "unknown SecurityID (48) 'XX' of SecurityIDSource (22) '4'")


def test_what_the_instrument_is_may_be_stated(rig):
    option = "55=OPT|48=US0378331005|22=4|167=OPT|200=203012|541=20301220|202=105.50|201=1|15=USD|54=1|38=1"
    assert rig.ask("a", option)["35"] == "S"
    pair = "55=EUR/USD|54=1|38=1000|167=FXSPOT|63=0|64=20260107|15=EUR"
    quote = rig.ask("b", pair)
    assert {tag: quote[tag] for tag in ("15", "63", "64")} == {"15": "EUR", "63": "0", "64": "20260107"}
    assert "48" not in quote and "188" not in quote and "190" not in quote


def test_what_was_stated_comes_back_in_every_message(rig):
    stated = {"1": "ACC", "15": "EUR", "63": "0", "64": "20260107", "48": "EU0009652759", "22": "4"}
    stated |= {"453": "1", "448": "FUND", "447": "D", "452": "3"}
    body = "|".join(f"{tag}={value}" for tag, value in stated.items())
    quote = rig.ask("r", f"55=EUR/USD|54=1|38=1000|{body}")
    [status] = rig.send("a", f"117={quote['117']}|649=s")
    refused = rig.send("AJ", f"693=x|117={quote['117']}|694=1|55=EUR/USD|54=1|38=2000")[0]
    fill = rig.hit(quote)
    for message in (quote, status, refused, fill):
        assert {tag: message[tag] for tag in stated} == stated
    assert (refused["39"], fill["39"]) == ("8", "2")


def test_parties_of_each_entry_come_back_with_it(rig):
    one = "55=EUR/USD|54=1|38=1000|453=2|448=A|447=D|452=3|448=B|447=D|452=1"
    two = "55=OPT|54=1|38=1|453=1|448=C|447=D|452=3"
    outcome = rig.answer("R", f"131=r|146=2|{one}|{two}")
    first, second = (text.replace("\x01", "|") for text in outcome.messages)
    assert "|453=2|448=A|447=D|452=3|448=B|447=D|452=1|" in first
    assert "|453=1|448=C|447=D|452=3|" in second and "448=A" not in second


def test_the_account_of_a_hit_replaces_that_of_the_request(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1000|1=ONE|15=EUR|453=1|448=A|447=D|452=3")
    fill = rig.hit(quote, "54=1|38=1000|1=TWO|453=1|448=B|447=D|452=3")
    assert (fill["1"], fill["448"], fill["15"]) == ("TWO", "B", "EUR")


def test_a_plain_quote_repeats_the_account_of_its_hit(rig):
    quote = rig.ask("r")
    assert "1" not in quote
    assert rig.hit(quote, "54=1|38=1000|1=TWO")["1"] == "TWO"


def test_too_much_to_repeat_is_refused(rig):
    parties = "|".join(f"448={'x' * 60}|447=D|452=3" for _ in range(9))
    answer = rig.ask("r", f"55=EUR/USD|54=1|38=1000|453=9|{parties}")
    assert answer["58"] == TOO_LONG


TOO_LONG = (
    "Account (1), parties (453) and other fields to repeat are too long or too many; allowed: 600 bytes in 40 fields"
)


@pytest.mark.parametrize("n", range(8, 34))
def test_many_short_fields_are_repeated_or_refused_by_their_name(rig, n):
    """Each takes more bytes in the journal than in the message."""
    answer = rig.ask("r", f"55=EUR/USD|54=1|38=1000|193=20260209|453={n}|" + "|".join(["448=A|447=D|452=3"] * n))
    if n <= 12:
        assert (answer["35"], answer["453"]) == ("S", str(n))
    if n == 33:
        assert (answer["35"], answer["58"]) == ("AG", TOO_LONG)
    assert answer["35"] == "S" or answer["58"] == TOO_LONG


def test_a_repeated_request_by_identifier_gets_its_quote_alone(rig):
    related = "55=[N/A]|48=EU0009652759|22=4|54=1|38=1000"
    quote = rig.ask("r", related)
    assert rig.ask("r", related) == quote
    both = f"131=s|146=2|55=PLAIN|54=1|38=1|{related}"
    assert rig.send("R", both) == rig.send("R", both)


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ("15=USD", "Currency (15) is 'USD'; that of quote {} is EUR"),
        ("64=20260209", "SettlDate (64) is '20260209'; that of quote {} is regular"),
        ("63=M1", "SettlType (63) is 'M1'; that of quote {} is regular"),
        ("193=20260209", "SettlDate2 (193) is '20260209'; that of quote {} is absent"),
        ("167=OPT", "SecurityType (167) of EUR/USD is 'OPT'; allowed: FXSPOT, FOR"),
        ("48=US0378331005|22=4", "SecurityID (48) of EUR/USD is 'US0378331005'; allowed: EU0009652759"),
        ("15=JPY", "Currency (15) of EUR/USD is 'JPY'; allowed: EUR, USD"),
    ],
)
def test_a_hit_for_another_product_is_refused_by_its_name(rig, stated, text):
    quote = rig.ask("r")
    fill = rig.hit(quote, f"54=1|38=1000|{stated}")
    assert (fill["39"], fill["103"], fill["58"]) == ("8", "99", text.format(quote["117"]))
    assert rig.state(quote) == "open"


def test_a_hit_may_state_what_its_quote_is(rig):
    quote = rig.ask("r")
    stated = "15=EUR|63=0|64=20260107|48=EU0009652759|22=4|167=FXSPOT"
    assert rig.hit(quote, f"54=1|38=1000|{stated}")["39"] == "2"


def test_an_indicative_quote_cannot_be_hit(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1000|537=0")
    assert (quote["35"], quote["537"]) == ("S", "0")
    assert "62" not in quote and "20004" not in quote
    assert not rig.handler.any_open(rig.mono_ns)
    assert not rig.handler.watchlist.entries
    fill = rig.hit(quote)
    assert (fill["39"], fill["103"]) == ("8", "11")
    assert fill["58"] == f"quote {quote['117']} is indicative; it cannot be hit"
    [status] = rig.send("a", f"117={quote['117']}")
    assert (status["297"], status["58"], status["537"]) == ("0", "indicative; it cannot be hit", "0")
    assert "62" not in status
    assert rig.region.values[rig.region.counter("quotelife_indicative_quotes_total")] == 1


def test_an_indicative_quote_is_journalled_as_what_it_is_and_restored_so(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1000|537=0")
    assert [record.kind for record in rig.reader.read()] == [7, 8]
    restored = rig.restart()
    assert restored.open == 0
    assert rig.hit(quote)["58"] == f"quote {quote['117']} is indicative; it cannot be hit"
    assert rig.ask("r", "55=EUR/USD|54=1|38=1000|537=0")["658"] == "99"


def test_an_indicative_quote_is_forgotten_like_others(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1000|537=0")
    rig.sleep(20_000)
    while rig.handler.expire(rig.mono_ns):
        pass
    assert rig.handler.open_quotes.find(quote["117"]) is None


def test_no_subscription_is_indicative(rig):
    answer = rig.ask("r", "55=EUR/USD|54=1|38=1000|537=0|263=1")
    assert answer["58"] == "QuoteType (537) of a subscription is '0'; allowed: 1"


def test_what_was_stated_survives_a_restart(rig):
    quote = rig.ask("r", "55=EUR/USD|54=1|38=1100|15=USD|1=ACC|453=1|448=A|447=D|452=3|64=20260209")
    rig.restart()
    repeated = rig.ask("r", "55=EUR/USD|54=1|38=1100|15=USD|1=ACC|453=1|448=A|447=D|452=3|64=20260209")
    assert repeated == quote
    fill = rig.hit(quote, "54=1|38=1100")
    assert (fill["1"], fill["448"], fill["15"], fill["64"]) == ("ACC", "A", "USD", "20260209")
    assert Decimal(fill["31"]) == Decimal(quote["132"])


@pytest.mark.parametrize(
    "stated",
    [
        "453=2|448=A|447=D|452=3",
        "453=1|448=A|447=DD|452=3",
        "453=1|448=A|447=D|452=x",
        "453=1|448=A|447=D|452=23",
        "453=1|447=D|448=A|452=3",
        "453=1|448=|447=D|452=3",
        "581=5|660=x",
    ],
)
def test_what_a_clients_engine_would_reject_is_not_repeated(rig, stated):
    quote = rig.ask("r", f"55=EUR/USD|54=1|38=1000|1=ACC|{stated}")
    assert quote["1"] == "ACC"
    fill = rig.hit(quote, f"54=1|38=1000|{stated}")
    assert (fill["39"], fill["1"]) == ("2", "ACC")
    for message in (quote, fill):
        assert {"453", "448", "447", "452", "581", "660"}.isdisjoint(message)


def test_only_the_standards_part_of_a_party_is_repeated(rig):
    [text] = rig.answer("R", "131=r|146=1|55=EUR/USD|54=1|38=1|453=1|448=A|447=D|452=3|802=1|523=sub|803=1").messages
    assert "|453=1|448=A|447=D|452=3|" in text.replace("\x01", "|")
    assert "523=" not in text and "802=" not in text


def test_an_indicative_quote_needs_the_field_that_says_so(rig):
    text = "8=FIX.4.2|9=1|35=R|34=2|49=ORD|52=x|56=Q|131=r|146=1|55=EUR/USD|54=1|38=1000|537=0|10=000|"
    outcome = rig.handler.receive(text.replace("|", "\x01"), rig.wall_ns, rig.mono_ns)
    assert "QuoteType (537) is no field of FIX.4.2" in outcome.messages[0]


def test_a_replaced_configuration_is_the_one_that_requests_are_matched_with(rig):
    quoter = rig.handler.quoter
    changed = {**PAIR, "security_ids": {"4": "NEW"}, "settl_date": "20260108"}
    quoter.instruments = {
        "EUR/USD": QuotedInstrument.of(msgspec.convert(changed, Instrument), 0),
    }
    assert rig.ask("a", "55=[N/A]|48=NEW|22=4|54=1|38=1|64=20260108")["35"] == "S"
    assert rig.ask("b", "55=EUR/USD|54=1|38=1|64=20260107")["35"] == "AG"


LEGS = "55=[N/A]|54=1|38=1|555=2|600=OPT|{}623=1|624=1|600=PLAIN|623=1|624=2"


@pytest.mark.parametrize(
    ("leg", "text"),
    [
        ("602=XX|603=4|", "LegSecurityID (602) of OPT is 'XX'; allowed: US0378331005"),
        ("609=FUT|", "LegSecurityType (609) of OPT is 'FUT'; allowed: OPT"),
        ("612=1|", "LegStrikePrice (612) of OPT is '1'; allowed: 105.5"),
        ("556=EUR|", "LegCurrency (556) of OPT is 'EUR'; allowed: USD"),
        ("588=20260209|", "LegSettlDate (588) of OPT is '20260209'; allowed: absent"),
    ],
)
def test_another_leg_is_refused_by_its_name(rig, leg, text):
    answer = rig.ask("r", LEGS.format(leg))
    assert (answer["35"], answer["58"]) == ("AG", text)


def test_a_leg_may_state_what_it_is(rig):
    stated = "602=US0378331005|603=4|609=OPT|610=203012|612=105.5|556=USD|587=0|"
    quote = rig.ask("r", LEGS.format(stated) + "|1=ACC")
    assert (quote["35"], quote["555"], quote["1"]) == ("S", "2", "ACC")
    assert rig.send("AJ", f"693=a|117={quote['117']}|694=1|55=[N/A]|54=1|63=0")[0]["39"] == "2"


QUOTED_LEGS = "555=2|600=OPT|623=1|624=1|687=1|600=PLAIN|623=1|624=2|687=1"


@pytest.mark.parametrize("msg_type", ["AJ", "D"])
@pytest.mark.parametrize(
    "legs",
    [
        QUOTED_LEGS,
        "555=2|600=PLAIN|624=2|600=OPT|623=1.0|5001=x|624=1|685=1",
        "555=2|600=OPT|600=PLAIN",
    ],
)
def test_a_hit_may_repeat_the_legs(rig, msg_type, legs):
    quote = rig.ask("r", LEGS.format(""))
    head = "693=a|694=1" if msg_type == "AJ" else "11=a|40=D"
    assert rig.send(msg_type, f"{head}|117={quote['117']}|55=[N/A]|54=1|38=1|{legs}")[0]["39"] == "2"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("600=PLAIN|623=1", "600=PLAIN|623=2", "LegRatioQty (623) of PLAIN is '2'; that of quote {} is 1"),
        ("623=1|624=2", "623=1|624=1", "LegSide (624) of PLAIN is '1'; that of quote {} is 2"),
        ("624=2|687=1", "624=2|687=1.5", "LegQty (687) of PLAIN is '1.5'; that of quote {} is 1"),
        ("624=2|687=1", "624=2|685=x", "LegOrderQty (685) of PLAIN is 'x'; that of quote {} is 1"),
        ("600=PLAIN", "600=FUT", "the legs OPT, FUT are not, in number and by LegSymbol (600), those of quote {}"),
        ("600=PLAIN", "600=OPT", "the legs OPT, OPT are not"),
        ("555=2", "555=1", "the legs OPT, PLAIN are not"),
        ("555=2|", "", "the legs OPT, PLAIN are not"),
        ("555=2|", "555=2|624=1|", "the legs OPT, PLAIN are not"),
        (QUOTED_LEGS, "555=0", "the legs without LegSymbol (600) are not"),
        (QUOTED_LEGS, "555=1|600=OPT|624=1", "the legs OPT are not"),
    ],
)
def test_a_hit_with_other_legs_is_refused(rig, old, new, text):
    quote = rig.ask("r", LEGS.format(""))
    body = QUOTED_LEGS.replace(old, new, 1)
    fill = rig.send("AJ", f"693=a|117={quote['117']}|694=1|55=[N/A]|54=1|38=1|{body}")[0]
    assert (fill["39"], fill["103"]) == ("8", "99") and text.format(quote["117"]) in fill["58"]


def test_a_hit_on_an_instrument_has_no_legs(rig):
    fill = rig.hit(rig.ask("r"), f"54=1|38=1000|{QUOTED_LEGS}")
    assert fill["39"] == "8" and "NoLegs (555) of a hit on quote" in fill["58"]


def test_an_identifier_finds_a_leg(rig):
    legs = LEGS.replace("600=OPT", "600=[N/A]").format("602=US0378331005|603=4|")
    assert rig.ask("r", legs)["600"] == "PLAIN"


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ("48=US0378331005|22=4", "(48) of multileg [N/A] is 'US0378331005'; allowed: absent"),
        ("167=OPT", "SecurityType (167) of multileg [N/A] is 'OPT'; allowed: MLEG"),
        ("63=1", "SettlType (63) of multileg [N/A] is '1'; allowed: 0 (regular)"),
        ("64=20260209", "SettlDate (64) of multileg [N/A] is '20260209'; allowed: absent"),
        ("15=EUR", "Currency (15) of multileg [N/A] is 'EUR'; allowed: absent"),
    ],
)
def test_a_multileg_has_no_terms_of_its_own(rig, stated, text):
    related = LEGS.format("").replace("|555=", f"|{stated}|555=")
    answer = rig.ask("r", related)
    assert answer["35"] == "AG" and text in answer["58"]


SWAP_IN_LEGS = "55=EUR/USD|54=1|38=1000|555=2|600=EUR/USD|624=2|{}600=EUR/USD|624=1|{}"


@pytest.mark.parametrize(
    ("related", "text"),
    [
        (SWAP_IN_LEGS.format("588=20260107|", "588=20260209"),
         "LegSettlDate (588) of EUR/USD is '20260209'; a leg settles as its instrument does"),
        (SWAP_IN_LEGS.format("", "5001=x"), "LegSymbol (600) of EUR/USD is 'EUR/USD'; allowed: another instrument"),
        (SWAP_IN_LEGS.replace("55=EUR/USD", "55=PLAIN").format("", "1=ACC"), "duplicate LegSymbol (600) EUR/USD"),
        ("55=PLAIN|54=1|38=1|555=2|600=OPT|624=1|612=1|600=FUT|624=2", "LegStrikePrice (612) of OPT is '1'"),
        ("55=EUR/USD|54=1|38=1000|588=20260209", "LegSettlDate (588) of EUR/USD is in no leg"),
        (LEGS.format("") + "|5000=x|60=x|588=20260209", "LegSettlDate (588) of [N/A] is in no leg"),
        (LEGS.format("624=1|"), "duplicate tag 624 in leg OPT of [N/A]"),
        (LEGS.format("").replace("|600=OPT", "|624=2|600=OPT"), "LegSide (624) of [N/A] is in no leg"),
    ],
)  # fmt: skip
def test_legs_that_say_something_else_are_refused(rig, related, text):
    answer = rig.ask("r", related)
    assert answer["35"] == "AG" and text in answer["58"]


def test_an_instrument_with_a_book_of_its_own_is_quoted_with_its_legs(rig):
    legs = "555=2|600=OPT|624=1|609=OPT|600=FUT|624=2|587=0"
    assert rig.ask("a", f"55=PLAIN|54=1|38=1|{legs}")["35"] == "S"
    assert rig.ask("b", f"{legs}|55=PLAIN|54=1|38=1")["35"] == "S", "in another order"


def test_fields_of_a_leg_are_read_behind_its_identifiers_and_own_fields(rig):
    late = LEGS.format("654=A|2346=1|5001=x|588=20260209|").replace("600=PLAIN|", "600=PLAIN|654=B|5001=y|")
    assert "LegSettlDate (588) of OPT is '20260209'" in rig.ask("a", late)["58"]
    assert rig.ask("b", late.replace("588=20260209|", ""))["35"] == "S"
