"""Requests for statuses after the Logon."""

from quotelife.config.venues.venue_profile import Field, HaltsProfile, InstrumentsProfile, VenueProfile
from quotelife.marketdata.subscription.request import InstrumentName
from quotelife.marketdata.subscription.status_requests import StatusRequests

NAMES = [InstrumentName("A", "1"), InstrumentName("B", "2"), InstrumentName("C", "3")]


def requests(halts, **tables):
    return StatusRequests(VenueProfile(title="t", tried="", halts=halts, **tables), NAMES, 50)


def test_none_by_default():
    statuses = requests(HaltsProfile())
    statuses.start()
    assert statuses.due_requests(10) == []


def test_one_for_each_instrument():
    statuses = requests(HaltsProfile(request="SecurityStatusRequest", request_fields=[Field(tag=1300, value="M")]))
    assert statuses.msg_type == "e"
    assert statuses.due_requests(10) == []
    statuses.start()
    assert statuses.due_requests(1) == [((324, 50), (55, "A"), (263, "1"), (1300, "M"))]
    assert [dict(body)[55] for body in statuses.due_requests(10)] == ["B", "C"]
    assert statuses.due_requests(10) == []
    statuses.start()
    assert statuses.due_requests(1) == [((324, 53), (55, "A"), (263, "1"), (1300, "M"))]
    statuses.stop()
    assert statuses.due_requests(10) == []


def test_instruments_by_security_id():
    by_id = InstrumentsProfile(address="SecurityID", security_id_source="8")
    statuses = requests(HaltsProfile(request="SecurityStatusRequest"), instruments=by_id)
    statuses.start()
    assert statuses.due_requests(1) == [((324, 50), (48, "1"), (22, "8"), (263, "1"))]


def test_one_for_the_venue():
    halts = HaltsProfile(request="TradingSessionStatusRequest", request_fields=[Field(tag=336, value="SESSION")])
    statuses = requests(halts)
    assert statuses.msg_type == "g"
    statuses.start()
    assert statuses.due_requests(0) == []
    assert statuses.due_requests(10) == [((335, 50), (263, "1"), (336, "SESSION"))]
    assert statuses.due_requests(10) == []
