"""What a request states about an instrument: each difference is refused by its name."""

import msgspec
import pytest

from quotelife.config.instrument_sections import Instrument
from quotelife.decision.refusal import Refusal
from quotelife.rfq.terms.identity import Identity, IdentityIndex

OPTION = {
    "symbol": "OPT",
    "tick": "0.01",
    "lot": "1",
    "venue": "V",
    "security_ids": {"4": "US0378331005", "8": "OPTX"},
    "security_type": "OPT",
    "maturity": "20301220",
    "strike": "105.5",
    "put_or_call": "call",
}
PAIR = {"symbol": "EUR/USD", "tick": "0.00001", "lot": "0.01", "venue": "V", "base_currency": "EUR", "currency": "USD"}
PLAIN = {"symbol": "PLAIN", "tick": "1", "lot": "1", "venue": "V"}


def identity(raw: dict) -> Identity:
    return Identity.of(msgspec.convert(raw, Instrument))


def name_of(tag: str) -> str:
    return f"F{tag} ({tag})"


def refusal(raw: dict, stated: dict[str, str], product: str = "spot") -> str:
    with pytest.raises(Refusal) as refused:
        identity(raw).check(stated, product, name_of)
    assert refused.value.reason.name == "unsupported_field"
    return refused.value.text


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"48": "US0378331005", "22": "4"},
        {"48": "OPTX", "22": "8"},
        {"48": "OPTX"},
        {"167": "OPT"},
        {"200": "203012"},
        {"200": "20301220"},
        {"541": "20301220"},
        {"200": "203012", "205": "20"},
        {"202": "105.50"},
        {"202": "0105.5"},
        {"201": "1"},
    ],
)
def test_what_the_instrument_is_may_be_stated(stated):
    identity(OPTION).check(stated, "spot", name_of)


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ({"48": "DE000BASF111", "22": "4"}, "F48 (48) of OPT is 'DE000BASF111'; allowed: US0378331005"),
        ({"48": "OPTX", "22": "4"}, "F48 (48) of OPT is 'OPTX'; allowed: US0378331005"),
        ({"48": "US0378331005", "22": "1"}, "F22 (22) of OPT is '1'; allowed: 4, 8"),
        ({"48": "OTHER"}, "F48 (48) of OPT is 'OTHER'; allowed: US0378331005, OPTX"),
        ({"22": "4"}, "F22 (22) of OPT is '4'; allowed: with F48 (48) only"),
        ({"167": "FUT"}, "F167 (167) of OPT is 'FUT'; allowed: OPT"),
        ({"200": "203101"}, "F200 (200) of OPT is '203101'; allowed: 203012, 20301220"),
        ({"541": "20301219"}, "F541 (541) of OPT is '20301219'; allowed: 20301220"),
        ({"205": "19"}, "F205 (205) of OPT is '19'; allowed: 20"),
        ({"202": "105"}, "F202 (202) of OPT is '105'; allowed: 105.5"),
        ({"202": "1055e-1"}, "F202 (202) of OPT is '1055e-1'; allowed: 105.5"),
        ({"202": "x"}, "F202 (202) of OPT is 'x'; allowed: 105.5"),
        ({"201": "0"}, "F201 (201) of OPT is '0'; allowed: 1"),
    ],
)
def test_what_differs_is_refused_by_its_name(stated, text):
    assert refusal(OPTION, stated) == text


@pytest.mark.parametrize("tag", ["48", "22", "167", "200", "541", "205", "202", "201"])
def test_what_the_desk_does_not_state_is_refused(tag):
    assert refusal(PLAIN, {tag: "1"}).startswith(f"F{tag} ({tag}) of PLAIN is '1'; allowed: ")


@pytest.mark.parametrize(
    ("product", "right", "wrong"),
    [("spot", "FXSPOT", "FXFWD"), ("forward", "FXFWD", "FXSPOT"), ("swap", "FXSWAP", "FXFWD")],
)
def test_a_currency_pair_has_the_type_of_what_is_asked(product, right, wrong):
    identity(PAIR).check({"167": right}, product, name_of)
    identity(PAIR).check({"167": "FOR"}, product, name_of)
    assert refusal(PAIR, {"167": wrong}, product) == f"F167 (167) of EUR/USD is '{wrong}'; allowed: {right}, FOR"


@pytest.mark.parametrize("kind", ["FXNDF", "FXNDS", "NDF"])
def test_what_is_not_delivered_is_refused_by_its_name(kind):
    assert refusal(PAIR, {"167": kind}).endswith("are not quoted")
    assert "non-deliverable" in refusal(PLAIN, {"167": kind})


def test_an_identifier_names_an_instrument_without_a_symbol():
    index = IdentityIndex([identity(OPTION), identity(PLAIN)])
    assert index.find("[N/A]", {"48": "US0378331005", "22": "4"}, name_of).symbol == "OPT"
    assert index.find("PLAIN", {}, name_of).symbol == "PLAIN"


@pytest.mark.parametrize(
    ("symbol", "stated", "text"),
    [
        ("[N/A]", {"48": "X", "22": "4"}, "unknown F48 (48) 'X' of F22 (22) '4'"),
        ("[N/A]", {"48": "OPTX"}, "F22 (22) is missing beside F48 (48) and Symbol (55) [N/A]"),
        ("[N/A]", {}, "unknown symbol [N/A]"),
        ("NONE", {"48": "OPTX", "22": "8"}, "unknown symbol NONE"),
    ],
)
def test_what_names_no_instrument_is_refused(symbol, stated, text):
    with pytest.raises(Refusal) as refused:
        IdentityIndex([identity(OPTION)]).find(symbol, stated, name_of)
    assert refused.value.text == text
