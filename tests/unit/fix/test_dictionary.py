"""Data dictionaries: what is read from them, and which ones a session cannot use."""

import pytest

from quotelife.fix import dictionary
from quotelife.fix.dictionary import FieldProblem, read_dictionary
from tests.paths import ROOT
from tests.unit.fix.client_rig import relaxed


@pytest.fixture(scope="module")
def fix44(tmp_path_factory):
    return relaxed(tmp_path_factory.mktemp("dictionaries"), "FIX44.xml")[0]


def test_the_dictionaries_of_the_rules_of_engagement_are_read(tmp_path):
    for found in relaxed(tmp_path, "FIX42.xml", "FIX44.xml", "FIXT11.xml"):
        assert {"0", "1", "2", "3", "4", "5", "A"} <= found.msg_types
        assert found.required_of_header == (8, 9, 34, 35, 49, 52, 56)
        assert found.required["2"] == (7, 16)
    assert relaxed(tmp_path, "FIX50SP2.xml")[0].required_of_header == ()


def test_groups_have_the_order_of_the_dictionary(fix44):
    related = fix44.groups["R"][146]
    assert related.first == 55 and related.order[55] == 0
    assert 600 in related.groups[555].order and related.groups[555].first == 600


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([(34, b"2"), (43, b"N")], None),
        ([(34, b"2"), (34, b"2")], FieldProblem(13, 34)),
        ([(34, b"x"), (34, b"2")], FieldProblem(6, 34)),
        ([(98, b"1")], FieldProblem(5, 98)),
        ([(98, b"")], FieldProblem(6, 98)),
        ([(58, b""), (20_001, b"?"), (38, b"no number")], None),
    ],
)
def test_the_first_wrong_field_is_found(fix44, fields, problem):
    assert fix44.wrong(fields) == problem


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("INT", ["0", "-5", "007", "2147483647", "-2147483648"], ["", "-", "+1", "1.0", "2147483648", "x", " 1"]),
        ("SEQNUM", ["0", "18446744073709551615", "007"], ["", "-1", "18446744073709551616", "9" * 5_000, "0" * 5_000]),
        ("BOOLEAN", ["Y", "N"], ["", "y", "YN"]),
        ("CHAR", ["x"], ["", "xy"]),
        ("UTCTIMESTAMP", ["20260231-23:59:60", "20260101-00:00:00.", "20260101-00:00:00.123456789"], [
            "", "20261301-00:00:00", "20260132-00:00:00", "20260101-24:00:00", "20260101-00:60:00", "20260101-00:00:61",
            "20260101-00:00:00.1234567890", "20260101 00:00:00", "2026-01-01", "20260101-00:00:00.12x",
        ]),
    ],
)  # fmt: skip
def test_values_of_a_type_are_what_the_engine_takes_for_one(kind, right, wrong):
    is_valid = dictionary._FORMATS[kind]
    assert [text for text in right if not is_valid(text.encode())] == []
    assert [text for text in wrong if is_valid(text.encode())] == []


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("<header>", "<heading>", "not XML"),
        ('name="BeginSeqNo" required="Y"', 'name="BeginSeqNo" required="N"', "tag 7 of message 2 is not required"),
        ('name="SendingTime" type="UTCTIMESTAMP"', 'name="SendingTime" type="STRING"', "tag 52 of the header"),
        ('number="112"', 'number="x"', "not a data dictionary"),
    ],
)
def test_a_dictionary_that_a_session_cannot_use_is_refused(tmp_path, old, new, error):
    text = (ROOT / "fix_config" / "FIX44.xml").read_text()
    assert old in text
    path = tmp_path / "FIX44.xml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=error):
        read_dictionary(path)


def test_a_file_without_messages_is_no_dictionary(tmp_path):
    path = tmp_path / "empty.xml"
    path.write_text("<fix type='FIX' major='4' minor='4'><header/><trailer/><fields/></fix>")
    with pytest.raises(ValueError, match="header, trailer, messages or fields missing"):
        read_dictionary(path)
