"""What is a plain request by its fields alone, and where they are."""

import numpy as np
import pytest

from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.scan import is_in_order, scan

HEAD = "8=FIX.4.4|9=1|35=R|34=2|49=ORD|52=x|56=Q|"
BODY = "131=r1|146=1|55=BTC-USD|54=1|38=1.5|"
TAIL = "10=000|"


def scanned(text: str) -> np.ndarray | None:
    """The fields found, None for what is not plain."""
    raw = text.replace("|", "\x01").encode("latin-1")
    buf, fields = np.frombuffer(b"##" + raw, np.uint8).copy(), np.zeros(P.FIELD_WORDS, np.int64)
    return fields if scan(buf, 2, len(buf), fields) else None


def test_fields_are_found_where_they_are():
    body = f"{BODY}60=10:00|"
    fields = scanned(HEAD + body + TAIL)
    raw = "##" + HEAD + body + TAIL
    values = [raw[fields[word] : fields[word + 1]] for word in range(0, P.FIELD_BODY, 2)]
    assert values == ["FIX.4.4", "1", "R", "ORD", "Q", "2", "x", "r1", "1", "BTC-USD", "1", "1.5", "10:00", "000"]
    assert raw[fields[P.FIELD_BODY] : fields[P.FIELD_BODY_END]] == body


def test_a_request_for_both_sides_has_no_side():
    fields = scanned(HEAD + BODY.replace("54=1|", "") + TAIL)
    assert fields[P.FIELD_SIDE] == fields[P.FIELD_SIDE + 1] == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("54=1", "54=3"),
        ("54=1", "54=12"),
        ("54=1", "54="),
        ("146=1", "146=2"),
        ("146=1", "146=01"),
        ("131=r1|", ""),
        ("131=r1", f"131={'x' * 65}"),
        ("131=r1", "131=\x7f"),
        ("131=r1", "131=\xe9"),
        ("131=r1", "131=r\t1"),
        ("146=1|", ""),
        ("55=BTC-USD|", ""),
        ("38=1.5|", ""),
        ("38=1.5|", "38=1.5|38=1.5|"),
        ("38=1.5|", "38=1.5|62=20260105-10:00:00|"),
        ("38=1.5|", "38=1.5|43=N|"),
        ("38=1.5|", "38=1.5|34=2|"),
        ("38=1.5|", "38=1.5"),
        ("38=1.5|", "038=1.5|"),
        ("38=1.5|", "3a=1.5|"),
        ("38=1.5|", "=1.5|"),
        ("38=1.5|", "|38=1.5|"),
        ("38=1.5|", "38|"),
        ("38=1.5|", "38=1.5|20001=RISK_AVERSE|"),
        ("35=R|34=2|", "34=2|35=R|"),
        ("9=1|35=R|", "35=R|9=1|"),
        ("8=FIX.4.4|9=1|", "9=1|8=FIX.4.4|"),
        ("35=R|", "35=AJ|"),
        ("35=R|", "35=S|"),
        ("35=R|", "35=R|97=Y|"),
        ("34=2|", "34=|"),
        ("56=Q|", ""),
        ("10=000|", "10=000|58=x|"),
        ("10=000|", "10=000"),
        ("10=000|", ""),
    ],
)
def test_anything_else_is_not_plain(old, new):
    text = HEAD + BODY + TAIL
    assert old in text and scanned(text.replace(old, new)) is None


def test_nothing_and_a_torn_message_are_not_plain():
    text = HEAD + BODY + TAIL
    assert [n for n in range(len(text)) if scanned(text[:n]) is not None] == []


@pytest.mark.parametrize(
    ("body", "in_order"),
    [
        (BODY, True),
        ("131=r1|146=1|55=BTC-USD|38=1.5|54=1|", False),
        ("131=r1|146=1|55=BTC-USD|38=1.5|", True),
        ("131=r1|146=1|55=BTC-USD|54=1|38=1.5|60=20260105-10:00:00|", True),
        ("131=r1|146=1|55=BTC-USD|60=20260105-10:00:00|38=1.5|", False),
        ("60=20260105-10:00:00|131=r1|146=1|55=BTC-USD|38=1.5|", False),
        ("146=1|55=BTC-USD|38=1.5|131=r1|", False),
        ("131=r1|146=1|38=1.5|55=BTC-USD|", False),
        ("131=r1|146=1|54=1|55=BTC-USD|38=1.5|", False),
        ("38=1.5|54=1|55=BTC-USD|131=r1|146=1|", False),
    ],
)
def test_a_body_is_digested_as_it_stands_only_in_the_engines_order(body, in_order):
    fields = scanned(HEAD + body + TAIL)
    assert bool(is_in_order(fields)) is in_order
