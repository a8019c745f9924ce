"""QuoteRequest texts: what is understood, and what is said of the rest."""

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from quotelife.decision.request import BY_RULES, Leg, RelatedSymbol
from quotelife.rfq.field_policies.lookup import POLICIES
from quotelife.rfq.field_policies.policy import Kind
from quotelife.rfq.quote_request import LEG_TAGS, NO_ID, Malformed, Request, digest, parse, read_fields
from quotelife.runtime.clock import parse_utc_timestamp
from quotelife_models.enums import BUY, SELL, TWO_WAY
from tests.paths import ROOT


def read(body: str) -> Request:
    fields = read_fields(f"8=FIX.4.4|9=1|35=R|34=2|49=C|52=x|56=Q|{body}|10=000|".replace("|", "\x01"))
    return parse(fields, dict(fields))


def test_request_for_one_symbol_is_parsed():
    assert read("131=r|146=1|55=A|54=1|38=5") == Request("r", [RelatedSymbol("A", BUY, "5", 0, 1)], BY_RULES)
    assert read("131=r|146=1|55=A|38=5").related[0].side == TWO_WAY
    assert read("38=5|54=2|131=r|146=1|55=A").related[0].side == SELL


def test_each_symbol_has_its_own_fields():
    request = read("131=r|146=3|55=A|54=1|38=5|55=B|38=6|55=C|54=2|38=7")
    assert [(r.symbol, r.side, r.quantity) for r in request.related] == [("A", 1, "5"), ("B", 0, "6"), ("C", 2, "7")]


def test_earlier_time_limit_counts():
    related = read("131=r|146=1|55=A|38=5|62=20260101-00:00:01|126=20260101-00:00:00.5").related[0]
    assert related.until_ns == parse_utc_timestamp("20260101-00:00:00.500")
    both = read("62=20260101-00:00:01|131=r|146=2|55=A|38=5|55=B|38=5|126=20260101-00:00:00").related
    assert [r.until_ns for r in both] == [
        parse_utc_timestamp("20260101-00:00:01"),
        parse_utc_timestamp("20260101-00:00:00"),
    ]


def test_tags_of_legs_and_parties_may_repeat():
    body = "131=r|146=1|55=A|38=5|453=2|448=X|452=1|448=Y|452=2|555=2|600=L|624=1|600=M|624=2"
    assert read(body).related[0].n_legs == 2
    assert read("131=r|146=2|55=A|38=5|448=X|448=Y|55=B|38=1").related[1].symbol == "B"


def test_legs_have_the_order_of_the_message_and_belong_to_their_entry():
    legs = "555=2|600=L|623=2|624=1|687=4|600=M|624=2"
    related = read(f"131=r|146=3|55=A|38=5|55=P|38=2|{legs}|55=B|38=1").related
    assert [r.n_legs for r in related] == [1, 2, 1] and related[0].legs == related[2].legs == ()
    assert related[1].legs == (Leg("L", BUY, 2, "4"), Leg("M", SELL, 1, ""))
    two = read(f"131=r|146=2|55=P|38=2|{legs}|55=Q|38=2|555=1|600=N|624=2|623=3.0").related
    assert [leg.symbol for leg in two[0].legs] == ["L", "M"] and two[1].legs == (Leg("N", SELL, 3, ""),)


def test_single_multileg_needs_no_symbol():
    related = read("131=r|146=1|38=2|54=1|555=1|600=L|624=1").related[0]
    assert related.symbol == "[N/A]" and related.legs == (Leg("L", BUY, 1, ""),)


def test_model_applies_to_the_whole_request():
    assert read("131=r|146=2|55=A|38=5|55=B|38=5|20001=RISK_AVERSE").model == 1
    with pytest.raises(Malformed, match=r"ExpiryModel \(20001\)"):
        read("131=r|146=2|55=A|38=5|20001=CLIENT_PRIORITY|55=B|38=5|20001=RISK_AVERSE")


@pytest.mark.parametrize(
    ("body", "text", "symbols"),
    [
        ("146=1|55=A|38=5", r"QuoteReqID \(131\)", ["A"]),
        ("131=r|146=2|54=1|38=5", r"Symbol \(55\)", []),
        ("131=r|146=2|55=A|38=5|54=1|54=2|55=B|38=1", r"\b54\b.* A", ["A", "B"]),
        ("131=r|146=101|55=A|38=5", "1 to 100", ["A"]),
        ("131=r|146=1|55=A|38=5|555=0", "1 to 8", ["A"]),
        ("131=r|146=1|55=A|38=5|555=x", "1 to 8", ["A"]),
        ("131=r|146=1|55=A|38=5|62=", "ValidUntilTime", ["A"]),
        ("131=r|146=1|55=A|38=5|555=2|600=L|624=1", r"NoLegs \(555\) of A is 2\b", ["A"]),
        ("588=1|131=r|146=2|55=A|38=5|55=B|38=5", r"LegSettlDate \(588\) of the request is in no leg", ["A", "B"]),
        ("131=r|146=1|55=A|38=5|555=1|600=|624=1", r"LegSymbol \(600\) of A", ["A"]),
        ("131=r|146=1|55=A|38=5|555=1|600=L", r"LegSide \(624\) of L", ["A"]),
        ("131=r|146=1|55=A|38=5|555=1|600=L|624=3", r"LegSide \(624\) of L is '3'", ["A"]),
        ("131=r|146=1|55=A|38=5|555=1|600=L|624=1|623=1.5", r"LegRatioQty \(623\) of L", ["A"]),
        ("131=r|146=1|55=A|38=5|555=1|600=L|624=1|623=1001", "1 to 1000", ["A"]),
        ("131=r|146=1|55=A|38=5|555=1|600=L|624=1|623=", r"LegRatioQty \(623\) of L", ["A"]),
    ],
)
def test_malformed_request_names_the_field_and_keeps_identifiers(body, text, symbols):
    with pytest.raises(Malformed, match=text) as caught:
        read(body)
    assert caught.value.symbols == symbols
    assert caught.value.quote_req_id in ("r", NO_ID)


def test_legs_are_refused_in_fix_4_2():
    text = "8=FIX.4.2|9=1|35=R|131=r|146=1|55=A|38=5|555=1|600=L|624=1|10=000|".replace("|", "\x01")
    with pytest.raises(Malformed, match=r"\(555\).*FIX\.4\.2"):
        parse(read_fields(text), dict(read_fields(text)))


def test_digest_ignores_header_and_trailer():
    def of(header: str, body: str, trailer: str = "10=000") -> int:
        return digest(f"8=F|9=1|35=R|{header}|{body}|{trailer}|".replace("|", "\x01"))

    assert of("34=1|49=A|52=a|56=Q", "131=r|55=A") == of("34=9|43=Y|49=A|52=b|56=Q|97=Y|122=c", "131=r|55=A", "10=001")
    assert of("34=1|49=A|52=a|56=Q", "131=r|55=A") != of("34=1|49=A|52=a|56=Q", "131=r|55=B")


@pytest.mark.parametrize("file", ["FIX44.xml", "FIX50SP2.xml"])
def test_each_leg_field_that_is_not_refused_is_one_of_a_leg(file):
    root = ElementTree.parse(ROOT / "tests" / "dictionaries" / file).getroot()
    numbers = {f.get("name", ""): f.get("number", "") for f in root.findall("fields/field")}
    components = {c.get("name", ""): c for c in root.findall("components/component")}

    def unfold(element: ElementTree.Element) -> Iterator[str]:
        for child in element:
            name = child.get("name", "")
            if child.tag != "component":
                yield numbers[name]
            yield from unfold(components[name] if child.tag == "component" else child)

    def groups(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
        for child in element:
            if child.tag == "group" and child.get("name") == "NoLegs":
                yield child
            yield from groups(components[child.get("name", "")] if child.tag == "component" else child)

    message = root.find("messages/message[@msgtype='R']")
    assert message is not None
    legs = {int(tag) for group in groups(message) for tag in unfold(group)}
    read_on = {str(tag) for tag in legs if POLICIES["R"][tag].kind is not Kind.REFUSED_UNLESS}
    assert read_on and read_on <= LEG_TAGS
