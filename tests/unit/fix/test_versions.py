"""Translation to each FIX version: conforms to its dictionary and loses nothing that it can express."""

import pytest

from quotelife.fix.versions import FIX42, FIX44, FIX50SP2, VERSIONS, Version
from tests.standard import EXTENDED, STANDARD
from tests.unit.rfq.test_messages import texts

CANCEL = "8=FIX.4.4|9=0|35=Z|131=r1|117=Q1|298=1|295=1|55=X|20003=stopped|10=000|".replace("|", "\x01")
SENT = [*texts(), CANCEL]
EXTENSIONS = {"S": {"20001", "20002", "20003", "20004", "20005"}, "Z": {"20003"}, "8": {"117"}}


def translated(version: Version, text: str, extensions: bool = False) -> str:
    translate = version.translation(extensions)
    return text if translate is None else translate(text)


def fields(text: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in text.split("\x01")[:-1])


@pytest.mark.parametrize("text", SENT)
@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda v: v.name)
def test_sent_messages_conform_to_the_standard(version, text):
    answer = translated(version, text)
    assert answer.startswith(f"8={version.begin_string}\x019=0\x0135=")
    assert STANDARD[version.name].violations(answer) == []


@pytest.mark.parametrize("text", SENT)
@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda v: v.name)
def test_messages_with_extensions_conform_to_our_dictionary(version, text):
    answer = translated(version, text, extensions=True)
    assert answer.startswith(f"8={version.begin_string}\x019=0\x0135=")
    assert EXTENDED[version.name].violations(answer) == []


@pytest.mark.parametrize("text", SENT)
@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda v: v.name)
def test_only_the_extensions_differ(version, text):
    standard, extended = (translated(version, text, extensions).split("\x01") for extensions in (False, True))
    extra = EXTENSIONS.get(fields(text)["35"], set())
    assert standard == [field for field in extended if field.split("=")[0] not in extra]


def test_fix44_with_extensions_is_sent_unchanged():
    assert FIX44.translation(True) is None and list(VERSIONS) == ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]


def test_nothing_that_fix44_and_fix50sp2_have_is_lost():
    for text in SENT:
        everything = [
            field for field in text.split("\x01") if field.split("=")[0] not in EXTENSIONS.get(text[17], set())
        ]
        assert FIX44.to_standard(text).split("\x01") == everything
        assert [f.split("=")[0] for f in FIX50SP2.to_standard(text).split("\x01")] == [
            f.split("=")[0] for f in everything
        ]


def test_a_possible_resend_stays_marked():
    report = next(text for text in texts() if "\x0135=8\x01" in text).replace("\x0137=", "\x0197=Y\x0137=", 1)
    assert all(fields(translated(version, report))["97"] == "Y" for version in VERSIONS.values())


def refusal(code: int, symbols: str = "X", text: str = "why") -> str:
    related = f"146=1|55={symbols}|" if symbols else ""
    return f"8=FIX.4.4|9=0|35=AG|131=r1|658={code}|{related}58={text}|10=000|".replace("|", "\x01")


def status(value: int, more: str = "") -> str:
    return f"8=FIX.4.4|9=0|35=AI|117=Q1|131=r1|297={value}|55=X|58=why|{more}10=000|".replace("|", "\x01")


@pytest.mark.parametrize(
    ("code", "reason"), [(1, "1"), (2, "2"), (3, "3"), (4, "4"), (5, "8"), (6, "9"), (9, "3"), (8, None), (99, None)]
)
def test_refusal_in_fix42_is_an_acknowledgement(code, reason):
    answer = fields(translated(FIX42, refusal(code)))
    assert (answer["35"], answer["131"], answer["297"], answer.get("300")) == ("b", "r1", "5", reason)
    assert answer["58"] == "X: why", "only the Text can carry the symbol"
    assert fields(translated(FIX42, refusal(code, "[N/A]")))["58"] == "why"
    assert fields(translated(FIX42, refusal(code, text="no X today")))["58"] == "no X today"


@pytest.mark.parametrize(
    ("value", "in_42", "reason", "in_50"),
    [
        (0, "0", None, "16"),
        (1, "1", None, "17"),
        (6, "5", None, "6"),
        (7, "5", "4", "7"),
        (9, "5", "5", "9"),
        (11, "5", None, "11"),
    ],
)
def test_quote_status_in_each_version(value, in_42, reason, in_50):
    answer = fields(translated(FIX42, status(value)))
    assert (answer["35"], answer["117"], answer["297"], answer.get("300")) == ("b", "Q1", in_42, reason)
    answer = fields(translated(FIX50SP2, status(value)))
    assert (answer["35"], answer["117"], answer["297"]) == ("AI", "Q1", in_50)


def test_acknowledgement_text_names_valid_until_time():
    answer = fields(translated(FIX42, status(0, "62=20260105-10:00:00.5|")))
    assert answer["58"] == "why; ValidUntilTime (62) 20260105-10:00:00.5"


def test_execution_reports_in_fix42():
    filled, rejected = (fields(translated(FIX42, text)) for text in texts() if "\x0135=8\x01" in text)
    assert (filled["20"], filled["150"], filled["39"], filled["32"]) == ("0", "2", "2", "1")
    assert (rejected["20"], rejected["150"], rejected["39"], rejected["103"]) == ("0", "8", "8", "5")
    other = next(text for text in texts() if "\x01103=5\x01" in text).replace("\x01103=5\x01", "\x01103=99\x01")
    assert fields(translated(FIX42, other))["103"] == "0"


def test_cancel_of_one_quote_in_fix50sp2():
    assert fields(translated(FIX50SP2, CANCEL))["298"] == "5"
    assert fields(translated(FIX42, CANCEL))["298"] == "1"
