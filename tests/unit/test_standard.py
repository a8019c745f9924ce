"""The check against a data dictionary finds each kind of mistake."""

import pytest

from quotelife.rfq.messages import has_group
from tests.standard import EXTENDED, STANDARD, check_sent

REPORT = (
    "35=8|37=Q1|17=E1|11=o|55=X|54=1|150=F|39=2|38=1|44=2.5|32=1|31=2.5|151=0|14=1|6=2.5|60=20260105-10:00:00.123456"
)
QUOTE = "35=S|117=Q1|131=r|537=1|55=X|54=1|133=2|135=1|60=20260105-10:00:00.123|62=20260105-10:00:01"
LEGS = "555=2|600=A|623=1|624=1|687=1|684=2|600=B|623=2|624=2|687=2|681=1"


def message(body: str) -> str:
    return f"8=FIX.4.4|9=0|{body}|10=000|".replace("|", "\x01")


def violations(body: str, version: str = "FIX.4.4") -> list[str]:
    return STANDARD[version].violations(message(body))


@pytest.mark.parametrize("body", [REPORT, QUOTE, f"{QUOTE}|{LEGS}"])
def test_a_valid_message_has_no_violations(body):
    assert violations(body) == [] and has_group(message(body)) == ("555=" in body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (f"{REPORT}|117=Q1", "117 is no field of the message"),
        (f"{QUOTE}|20004=1", "20004 is no field"),
        (REPORT.replace("|17=E1", ""), "17 is missing"),
        (f"{REPORT}|58=", "58 is empty"),
        (f"{REPORT}|11=p", "11 occurs twice"),
        (REPORT.replace("|54=1", "|54=Z"), "54 is 'Z', which is not enumerated"),
        (REPORT.replace("|38=1", "|38=1e3"), "38 is '1e3', which is no QTY"),
        (REPORT.replace("123456", "1234"), "60 is '20260105-10:00:00.1234', which is no UTCTIMESTAMP"),
        (f"{QUOTE}|{LEGS}".replace("555=2", "555=3"), "555 is 3, but 2 entries begin with 600"),
        (f"{QUOTE}|{LEGS}".replace("623=1|624=1", "624=1|623=1"), "623 is out of order in its group"),
        (f"{QUOTE}|555=1|623=1|600=A", "555 is 1, but 0 entries begin with 600"),
        ("35=AG|131=r|658=99|58=why", "146 is missing"),
        ("35=QQ|131=r", "no message QQ"),
    ],
)
def test_each_mistake_is_named(body, why):
    assert why in violations(body)


def test_each_version_has_its_own_rules():
    assert "537 is no field" in violations(QUOTE, "FIX.4.2")
    assert violations("35=AI|117=Q|297=16|55=X") and not violations("35=AI|117=Q|297=16|55=X", "FIX.5.0SP2")
    assert EXTENDED["FIX.4.2"].violations(message(f"{REPORT}|117=Q1|20=0".replace("150=F", "150=2"))) == []


def test_a_text_that_breaks_one_version_is_reported():
    check_sent(message(QUOTE))
    with pytest.raises(AssertionError, match=r"FIX.4.2, standard: .*22 is '\?'"):
        check_sent(message(f"{QUOTE}|48=A|22=?"))
