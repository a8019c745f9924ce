"""Translation to each FIX version: conforms to its dictionary and loses nothing that it can express."""

from xml.etree import ElementTree

import pytest

from quotelife.config.shipped import FIX_CONFIG
from quotelife.fix.versions import FIX42, FIX44, FIX50SP2, VERSIONS, Version
from tests.unit.rfq.test_messages import texts

FOLDER = FIX_CONFIG
OTHERS = (FIX42, FIX50SP2)
CANCEL = "8=FIX.4.4|9=0|35=Z|131=r1|117=Q1|298=1|295=1|55=X|10=000|".replace("|", "\x01")


def translated(version: Version, text: str) -> str:
    assert version.translate is not None
    return version.translate(text)


def fields(text: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in text.split("\x01")[:-1])


class Dictionary:
    """Tags, required tags and allowed values of one version, by MsgType."""

    def __init__(self, version: Version) -> None:
        root = ElementTree.parse(FOLDER / version.dictionary).getroot()
        session = ElementTree.parse(FOLDER / (version.transport or version.dictionary)).getroot()
        self.numbers = {f.get("name"): f.get("number") for r in (session, root) for f in r.findall("fields/field")}
        self.values = {
            f.get("number"): {v.get("enum") for v in f} for r in (session, root) for f in r.findall("fields/field")
        }
        around = [f for part in ("header", "trailer") for f in session.findall(f"{part}//field")]
        self.common = {self.numbers[f.get("name")] for f in around}
        self.messages = {m.get("msgtype"): m for m in root.findall("messages/message")}

    def check(self, text: str) -> None:
        got = [field.split("=", 1) for field in text.split("\x01")[:-1]]
        message = self.messages[got[2][1]]
        known = self.common | {self.numbers[e.get("name")] for e in message.iter() if e.tag in ("field", "group")}
        required = {self.numbers[e.get("name")] for e in message if e.get("required") == "Y"}
        assert {tag for tag, _ in got} <= known
        assert required <= {tag for tag, _ in got}
        assert all(value in self.values[tag] for tag, value in got if self.values[tag])
        assert all(value for _, value in got)


@pytest.mark.parametrize("text", [*texts(), CANCEL])
@pytest.mark.parametrize("version", OTHERS, ids=lambda v: v.name)
def test_sent_messages_conform_to_the_dictionary(version, text):
    answer = translated(version, text)
    assert answer.startswith(f"8={version.begin_string}\x019=0\x0135=")
    Dictionary(version).check(answer)


def test_fix44_is_sent_unchanged():
    assert FIX44.translate is None and list(VERSIONS) == ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]
    for text in (*texts(), CANCEL):
        Dictionary(FIX44).check(text)


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
