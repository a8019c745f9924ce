"""Texts that are not an amount of money are refused."""

import pytest

from quotelife.rfq.terms.amounts import Amount


@pytest.mark.parametrize(
    "text", ["", ".", "5.", "-5", "+5", "1e6", "1,000", "١", "0", "0.00", "1.2.3", "9" * 19, "nan"]
)
def test_no_amount(text):
    with pytest.raises(ValueError, match="allowed"):
        Amount(text)


@pytest.mark.parametrize("text", ["1", "0.5", ".5", "1000000.25", "9" * 18])
def test_an_amount(text):
    assert Amount(text).text == text
