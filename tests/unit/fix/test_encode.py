"""Messages are encoded with the header of their session, and data fields may contain SOH."""

import pytest

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.fix.fields import split_fields

WALL = 1_767_225_600_123_456_789
IDENTITY = Identity("DESK", "VENUE")


@pytest.mark.parametrize(
    ("decimals", "text"),
    [
        (0, "20260101-00:00:00"),
        (3, "20260101-00:00:00.123"),
        (6, "20260101-00:00:00.123456"),
        (9, "20260101-00:00:00.123456789"),
    ],
)
def test_sending_time_has_the_decimals_of_the_session(decimals, text):
    assert sending_time(WALL, decimals) == text
    assert Identity("DESK", "VENUE", time_decimals=decimals).sending_time(WALL) == text


def test_sub_ids_are_in_the_header_where_the_session_has_them():
    identity = Identity("DESK", "VENUE", sender_sub_id="D1", target_sub_id="QUOTE")
    for sent in (None, "20260101-00:00:00.000"):
        fields = split_fields(encode(identity, "0", 7, "20260101-00:00:01.000", ((112, "x"),), sent))
        assert [f for f in fields if f[0] in (50, 57)] == [(50, b"D1"), (57, b"QUOTE")]
        assert [tag for tag, _ in fields].index(57) < [tag for tag, _ in fields].index(112)
    assert not {50, 57} & dict(split_fields(encode(IDENTITY, "0", 7, "20260101-00:00:01.000"))).keys()


@pytest.mark.parametrize("data", ["a\x0110=000\x01b", "\x01", "é\x01"])
def test_data_field_with_soh_is_read_as_it_was_written(data):
    body = ((95, len(data.encode())), (96, data), (58, "after"))
    fields = split_fields(encode(IDENTITY, "B", 1, "20260101-00:00:00.000", body))
    assert fields[-4:-1] == [(95, b"%d" % len(data.encode())), (96, data.encode()), (58, b"after")]


@pytest.mark.parametrize(
    "body",
    [
        ((58, "a\x01b"),),
        ((96, "a\x01b"),),
        ((95, 2), (96, "a\x01b")),
        ((95, 3), (58, "x"), (96, "a\x01b")),
        ((95, 3), (58, "a\x01b")),
        ((95, 3), (96, "a\x01b"), (58, "a\x01b")),
    ],
)
def test_soh_outside_a_data_field_of_that_length_is_refused(body):
    with pytest.raises(ValueError, match="SOH"):
        encode(IDENTITY, "B", 1, "20260101-00:00:00.000", body)
