"""The decoder's short ways of reading and writing numbers against the long ones and against zlib."""

import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.fix.fields import INVALID, NEAREST, parse_units
from quotelife.marketdata.book_models.checksum import crc32
from quotelife.marketdata.decoding.fields import value_end
from quotelife.marketdata.decoding.numbers import short_units

texts = st.one_of(
    st.decimals(0, 99_999, allow_nan=False, allow_infinity=False, places=3).map(str),
    st.text("0123456789.", max_size=9),
    st.text("0123456789.-+e ", max_size=9),
    st.binary(max_size=9).map(lambda b: b.decode("latin-1")),
)
grids = st.tuples(st.sampled_from([1, 5, 25, 125, 1_000_000_007]), st.integers(0, 12))


@given(text=texts, grid=grids, before=st.binary(max_size=3), behind=st.binary(min_size=9, max_size=9))
@settings(max_examples=2_000, deadline=None)
def test_short_numbers_are_those_of_the_long_way_or_none(text, grid, before, behind):
    number = text.encode("latin-1")
    buffer = np.frombuffer(before + number + behind, np.uint8).copy()
    start, end = len(before), len(before) + len(number)
    inexact = np.zeros(1, np.int64)
    expected = parse_units(buffer, start, end, *grid, NEAREST, inexact)
    found = short_units(buffer, start, end, *grid)
    if found != -1:
        assert found == expected
        assert not inexact.any()
    elif number.isdigit() and len(number) <= 8 and grid == (1, 0):
        raise AssertionError(f"{number!r} is not read the short way")
    if expected == INVALID or inexact.any():
        assert found == -1


@given(st.binary(max_size=40), st.integers(0, 8))
@settings(max_examples=500, deadline=None)
def test_value_ends_at_the_next_soh(value, spare):
    value = value.replace(b"\x01", b"\x02")
    buffer = np.frombuffer(value + b"\x01" + b"\x01\x02" * 4 + bytes(spare), np.uint8).copy()
    assert value_end(buffer, 0) == len(value)


@given(st.text("0123456789", max_size=200))
@settings(max_examples=300, deadline=None)
def test_crc_is_that_of_zlib(digits):
    text = np.frombuffer(b"........" + digits.encode() + bytes(16), np.uint8).copy()
    assert crc32(text, 8 + len(digits)) == zlib.crc32(digits.encode())
