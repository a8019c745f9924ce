"""News and halts."""

import pytest

from quotelife.config.venues.venue_profile import HaltsProfile
from quotelife.fix.events import ApplicationMessage
from quotelife.marketdata.venue_signals import Halts, News, read_headline, read_news


def test_news():
    fields = [(148, b"Headline"), (146, b"2"), (55, b"A"), (55, b"B"), (20010, b"-0.25")]
    assert read_news(ApplicationMessage("B", fields)) == News("Headline", -0.25, (b"A", b"B"))


def test_news_without_symbols_concerns_all():
    assert read_news(ApplicationMessage("B", [(148, b"x"), (20010, b"3")])) == News("x", 1.0, ())


@pytest.mark.parametrize("value", [None, b"", b"good", b"nan", b"inf"])
def test_news_without_a_sentiment(value):
    fields = [(148, b"x")] + ([(20010, value)] if value is not None else [])
    assert read_news(ApplicationMessage("B", fields)) is None


def test_headline_or_text():
    assert read_headline(ApplicationMessage("B", [(148, b"head"), (58, b"text")])) == "head"
    assert read_headline(ApplicationMessage("B", [(58, b"text")])) == "text"


class Status:
    """Halts of rows 3 (A, SecurityID 101, group X), 4 (B, X) and 5 (C, no group)."""

    def __init__(self, **profile):
        names = {b"A": 3, b"B": 4, b"C": 5, b"101": 3}
        self._halts = Halts(HaltsProfile(**profile), [3, 4, 5], ["X", "X", None], lambda s, i: names.get(s or i, -1))

    def f(self, **fields):
        return self._on("f", fields)

    def h(self, **fields):
        return self._on("h", fields)

    def on_logon(self):
        return self._halts.on_logon()

    def _on(self, msg_type, fields):
        pairs = [(int(tag[1:]), value.encode()) for tag, value in fields.items()]
        return self._halts.on_status(ApplicationMessage(msg_type, pairs))


ALL_HALTED, ALL_OPEN = [(3, True), (4, True), (5, True)], [(3, False), (4, False), (5, False)]


@pytest.mark.parametrize("value", ["1", "2", "4", "18", "19", "21"])
def test_security_status_halts(value):
    assert Status().f(t55="A", t326=value) == [(3, True)]


@pytest.mark.parametrize("value", ["3", "17", "22", "23"])
def test_security_status_opens(value):
    status = Status()
    assert status.f(t55="A", t326=value) == []
    status.f(t55="A", t326="2")
    assert status.f(t55="A", t326=value) == [(3, False)]


@pytest.mark.parametrize(
    "fields",
    [{"t55": "A", "t326": "9"}, {"t55": "A"}, {"t326": "x"}, {"t55": "A", "t326": ""}, {"t55": "Z", "t326": "2"}],
)
def test_irrelevant_security_status_is_ignored(fields):
    assert Status().f(**fields) == []


def test_security_id():
    assert Status().f(t48="101", t326="2") == [(3, True)]
    assert Status().f(t48="999", t326="2") == []


@pytest.mark.parametrize(("halt", "opens"), [("1", "2"), ("3", "2"), ("4", "5")])
def test_trading_session_status(halt, opens):
    status = Status()
    assert status.h(t340=halt) == ALL_HALTED
    assert status.h(t340=halt) == []
    assert status.h(t340=opens) == ALL_OPEN
    assert status.h(t340="6") == []


def test_status_of_a_group():
    status = Status(group_tag=1151)
    assert status.f(t1151="X", t326="2") == [(3, True), (4, True)]
    assert status.f(t1151="Y", t326="2") == []
    assert status.h(t1151="X", t340="2") == [(3, False), (4, False)]
    assert status.f(t326="2") == ALL_HALTED


def test_group_tag_is_not_read_unless_the_profile_names_it():
    assert Status().f(t1151="X", t326="2") == ALL_HALTED


def test_values_and_tags_of_the_profile():
    status = Status(security_tag=1682, security_halted=["cancel_only"], security_open=["full_trading"], session_tag=625)
    assert status.f(t55="A", t1682="cancel_only") == [(3, True)]
    assert status.f(t55="A", t326="17") == []
    assert status.f(t55="A", t1682="full_trading") == [(3, False)]
    assert status.h(t625="1") == ALL_HALTED


def test_a_halted_symbol_is_not_opened_with_its_group_or_venue():
    status = Status(group_tag=1151)
    status.f(t55="A", t326="2")
    assert status.h(t340="1") == [(4, True), (5, True)]
    assert status.h(t340="2") == [(4, False), (5, False)]
    assert status.f(t1151="X", t326="2") == [(4, True)]
    assert status.h(t340="2") == []
    assert status.f(t1151="X", t326="17") == [(4, False)]
    assert status.f(t55="A", t326="17") == [(3, False)]


def test_a_symbol_may_be_opened_before_its_venue():
    status = Status()
    status.h(t340="1")
    assert status.f(t55="A", t326="17") == [(3, False)]
    assert status.h(t340="2") == [(4, False), (5, False)]


def test_listed_status_is_overridden_by_the_symbols_own():
    halts = Status()._halts
    assert halts.on_listed_status(3, False) == [(3, True)]
    assert halts.on_status(ApplicationMessage("h", [(340, b"2")])) == []
    assert halts.on_status(ApplicationMessage("f", [(55, b"A"), (326, b"17")])) == [(3, False)]
    halts.on_status(ApplicationMessage("f", [(55, b"A"), (326, b"2")]))
    assert halts.on_listed_status(3, True) == []


# --- halts of an earlier session


def test_statuses_that_are_asked_for_replace_those_of_an_earlier_session():
    status = Status(request="SecurityStatusRequest", group_tag=1151)
    status.h(t340="1")
    status.f(t55="A", t326="2")
    assert status.on_logon() == ALL_OPEN
    assert status.f(t55="A", t326="2") == [(3, True)]
    assert status.h(t340="2") == []


def test_statuses_that_are_not_asked_for_stay():
    status = Status()
    status.f(t55="A", t326="2")
    assert status.on_logon() == [] and status._halts.halted_earlier() == [3]
    assert status.h(t340="2") == [], "nor does the venue open a symbol"
    assert status.f(t55="A", t326="17") == [(3, False)]
    assert status._halts.halted_earlier() == []


def test_listed_status_that_allows_trading_lifts_the_halts_of_an_earlier_session():
    status = Status()
    status.f(t55="A", t326="2")
    status.h(t340="1")
    status._halts.on_listed_status(3, False)
    assert status._halts.on_listed_status(3, True) == [], "the symbol is halted in this session"
    assert status.on_logon() == []
    assert status._halts.on_listed_status(3, False) == []
    assert status._halts.on_listed_status(3, True) == [(3, False)]
    assert status._halts.on_listed_status(4, True) == [(4, False)]
    assert status._halts.halted_earlier() == [5]


def test_listed_status_does_not_lift_what_the_new_session_has_halted_again():
    status = Status()
    status.f(t55="A", t326="2")
    status.on_logon()
    assert status.f(t55="A", t326="2") == [] and status._halts.halted_earlier() == []
    assert status._halts.on_listed_status(3, True) == []
    assert status.f(t55="A", t326="17") == [(3, False)]
