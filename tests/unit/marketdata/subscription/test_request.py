"""The MarketDataRequest in the shapes that profiles describe."""

from quotelife.config.venues.venue_profile import Field, InstrumentsProfile, SubscriptionProfile
from quotelife.marketdata.subscription.request import InstrumentName, RequestBodies

A, B = InstrumentName("EUR/USD", "101"), InstrumentName("USD/JPY", "102")
TYPES = ((267, 3), (269, "0"), (269, "1"), (269, "2"))


def bodies(instruments=None, depth=5, by_order=False, **profile):
    return RequestBodies(SubscriptionProfile(**profile), instruments or InstrumentsProfile(), depth, by_order)


def test_generic_body():
    expected = ((262, 100), (263, "1"), (264, 5), (265, "1"), (266, "Y"), *TYPES, (146, 1), (55, "EUR/USD"))
    assert bodies().subscribe(100, [A]) == expected


def test_unsubscription_has_no_update_type():
    expected = ((262, 100), (263, "2"), (264, 5), (266, "Y"), *TYPES, (146, 1), (55, "EUR/USD"))
    assert bodies().unsubscribe(100, [A]) == expected


def test_several_symbols_in_one_request():
    assert bodies().subscribe(7, [A, B])[-3:] == ((146, 2), (55, "EUR/USD"), (55, "USD/JPY"))


def test_aggregated_book():
    for choice, by_order, value in (
        ("by_model", False, "Y"),
        ("by_model", True, "N"),
        ("N", False, "N"),
        ("Y", True, "Y"),
    ):
        assert dict(bodies(aggregated_book=choice, by_order=by_order).subscribe(7, [A]))[266] == value
    assert 266 not in dict(bodies(aggregated_book="absent").subscribe(7, [A]))


def test_update_type():
    assert dict(bodies(update_type="full").subscribe(7, [A]))[265] == "0"
    assert 265 not in dict(bodies(update_type="absent").subscribe(7, [A]))


def test_entry_types():
    def types(**profile):
        return [value for tag, value in bodies(**profile).subscribe(7, [A]) if tag in (267, 269)]

    assert types(entry_types=["0", "1"]) == [2, "0", "1"]
    assert types(trades="none") == [2, "0", "1"]
    assert types(entry_types=["0", "1", "2", "B"], trades="separate") == [3, "0", "1", "B"]


def test_fields_that_a_venue_does_not_know_are_left_out():
    body = bodies(market_depth="absent", entry_types=[], update_type="absent", aggregated_book="absent")
    assert body.subscribe(7, [A]) == ((262, 7), (263, "1"), (146, 1), (55, "EUR/USD"))


def test_trades_as_a_stream_of_their_own():
    expected = ((262, 8), (263, "1"), (264, 5), (265, "1"), (266, "Y"), (267, 1), (269, "2"), (146, 1), (55, "EUR/USD"))
    assert bodies(trades="separate").subscribe_trades(8, [A]) == expected


def test_further_fields():
    body = bodies(fields=[Field(tag=9001, value="x")], symbol_fields=[Field(tag=167, value="FXSPOT")])
    expected = ((9001, "x"), *TYPES, (146, 2), (55, "EUR/USD"), (167, "FXSPOT"), (55, "USD/JPY"), (167, "FXSPOT"))
    assert body.subscribe(7, [A, B])[5:] == expected


def test_address_by_security_id():
    by_id = InstrumentsProfile(address="SecurityID", security_id_source="8")
    assert bodies(by_id).subscribe(7, [A, B])[-5:] == ((146, 2), (48, "101"), (22, "8"), (48, "102"), (22, "8"))
    without_source = InstrumentsProfile(address="SecurityID")
    assert bodies(without_source).subscribe(7, [A])[-2:] == ((146, 1), (48, "101"))
