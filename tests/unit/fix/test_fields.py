"""Plain Python parsing of fields: what a peer can make of a number."""

import pytest

from quotelife.fix.fields import MalformedMessage, as_int, split_fields


def test_data_field_contains_what_its_length_says():
    assert split_fields(b"95=5\x0196=a\x01b=c\x0158=x\x01") == [(95, b"5"), (96, b"a\x01b=c"), (58, b"x")]


@pytest.mark.parametrize("tag", [b"1" * 19, b"1" * 5000, b"-1", b"", b"x"])
def test_tag_that_is_no_number_is_malformed(tag):
    with pytest.raises(MalformedMessage, match="no tag at byte 5"):
        split_fields(b"35=0\x01" + tag + b"=x\x01")


def test_data_longer_than_the_message_is_malformed():
    with pytest.raises(MalformedMessage, match="tag 96 has no end"):
        split_fields(b"95=" + b"9" * 18 + b"\x0196=a\x01")


@pytest.mark.parametrize("length", [b"9" * 19, b"9" * 5000, b"-3", b"x", b""])
def test_length_that_is_no_number_is_none(length):
    assert split_fields(b"95=" + length + b"\x0196=a\x01") == [(95, length), (96, b"a")]


@pytest.mark.parametrize("value", [None, b"", b"1" * 19, b"9" * 5000, b"1.0", b"--1", b"+1", b" 1", b"\xd9\xa3"])
def test_int_that_is_none(value):
    assert as_int(value) is None
