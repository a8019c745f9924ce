"""News and halts."""

import pytest

from quotelife.fix.events import ApplicationMessage
from quotelife.marketdata.venue_signals import Halt, News, read_halt, read_news


def test_news():
    fields = [(148, b"Headline"), (146, b"2"), (55, b"A"), (55, b"B"), (20010, b"-0.25")]
    assert read_news(ApplicationMessage("B", fields)) == News("Headline", -0.25, (b"A", b"B"))


def test_news_without_symbols_concerns_all():
    assert read_news(ApplicationMessage("B", [(148, b"x"), (20010, b"3")])) == News("x", 1.0, ())


@pytest.mark.parametrize("value", [None, b"", b"good", b"nan", b"inf"])
def test_news_without_a_sentiment(value):
    fields = [(148, b"x")] + ([(20010, value)] if value is not None else [])
    assert read_news(ApplicationMessage("B", fields)) is None


@pytest.mark.parametrize(("status", "halted"), [(b"2", True), (b"18", True), (b"17", False), (b"3", False)])
def test_security_status(status, halted):
    assert read_halt(ApplicationMessage("f", [(55, b"A"), (326, status)])) == Halt(b"A", halted)


@pytest.mark.parametrize("fields", [[(55, b"A"), (326, b"9")], [(55, b"A")], [(326, b"2")], [(55, b"A"), (326, b"x")]])
def test_irrelevant_security_status_is_ignored(fields):
    assert read_halt(ApplicationMessage("f", fields)) is None


@pytest.mark.parametrize(("status", "halted"), [(b"1", True), (b"2", False), (b"3", True)])
def test_trading_session_status(status, halted):
    assert read_halt(ApplicationMessage("h", [(340, status)])) == Halt(None, halted)


def test_irrelevant_trading_session_status_is_ignored():
    assert read_halt(ApplicationMessage("h", [(340, b"6")])) is None
