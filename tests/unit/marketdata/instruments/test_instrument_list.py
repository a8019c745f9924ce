"""The venue's list of instruments against the configuration: requests, answers, updates, silence."""

from decimal import Decimal

import pytest

from quotelife.config.venues.venue_profile import Checksum, Field, InstrumentsProfile
from quotelife.fix.events import ApplicationMessage
from quotelife.marketdata.instruments.instrument_list import QUIET_NS, REPEAT_NS, TIMEOUT_NS, InstrumentList
from quotelife.marketdata.instruments.terms import ConfiguredInstrument, Terms

BTC = ConfiguredInstrument(0, "BTC/USD", "101", Decimal("0.1"), Decimal("0.0001"))
ETH = ConfiguredInstrument(3, "ETH/USD", "102", Decimal("0.01"), Decimal(1))
GOOD_BTC = ((55, "BTC/USD"), (48, "101"), (969, "0.10"), (561, "0.0001"), (1682, "17"))
GOOD_ETH = ((55, "ETH/USD"), (48, "102"), (969, "0.01"), (561, "1"), (1682, "17"))


def instruments(**more) -> InstrumentsProfile:
    terms = {"tick_tag": 969, "lot_tag": 561, "status_tag": 1682, "tradable": ["17"]}
    return InstrumentsProfile(**({"request": "SecurityListRequest"} | terms | more))


def message(msg_type: str, *fields) -> ApplicationMessage:
    return ApplicationMessage(msg_type, [(tag, str(value).encode()) for tag, value in fields])


class Venue:
    """A list that was asked for, and the venue's side of it."""

    def __init__(self, profile: InstrumentsProfile | None = None, checksum: Checksum | None = None) -> None:
        profile = profile or instruments()
        self.now = 10**9
        self.list = InstrumentList(profile, Terms(profile, checksum), [BTC, ETH], 70)
        self.seq = 1
        self.list.start(self.now)
        self.asked = self.send()

    def send(self) -> list[dict[int, str]]:
        bodies = self.list.due_requests(9)
        for _ in bodies:
            self.seq += 1
            self.list.sent(self.seq, self.now)
        assert self.list.due_requests(9) == []
        return [dict(body) for body in bodies]

    def list_of(self, *entries, more=(), request="70", kind="y") -> dict[int, object]:
        """Answer with a list in one message; the verdicts by row."""
        flat = [field for entry in entries for field in entry]
        head = ((320, request), (322, "r"), (560, "0"), *more)
        return self.hear(message(kind, *head, (146, len(entries)), *flat))

    def hear(self, heard: ApplicationMessage) -> dict[int, object]:
        return {v.row: v for v in self.list.on_message(heard, self.now)}

    def later(self, ns: int) -> dict[int, object]:
        self.now += ns
        return {v.row: v for v in self.list.on_timer(self.now)}


def test_one_list_confirms_every_instrument():
    venue = Venue()
    assert venue.asked == [{320: "70", 559: "4"}] and venue.list.msg_type == "x"
    assert not venue.list.ready and venue.list.missing == {0, 3}
    verdicts = venue.list_of(((55, "OTHER"), (969, "7")), GOOD_BTC, GOOD_ETH)
    assert [(v.difference, v.tradable) for v in verdicts.values()] == [("", True), ("", True)]
    assert venue.list.ready and venue.list.missing == set()


def test_a_venue_without_a_list_has_nothing_to_confirm():
    venue = Venue(InstrumentsProfile())
    assert venue.asked == [] and venue.list.ready and venue.list.missing == set()
    assert venue.later(TIMEOUT_NS) == {}


@pytest.mark.parametrize(
    ("entry", "difference"),
    [
        (((55, "BTC/USD"), (969, "0.5"), (561, "0.0001")), "tick = 0.1 in the configuration, 0.5 at the venue (969)"),
        (((55, "BTC/USD"), (969, "0.1"), (561, "1")), "lot = 0.0001 in the configuration, 1 at the venue (561)"),
        (
            ((55, "BTC/USD"), (561, "1")),
            "tick = 0.1 in the configuration, but the venue does not state it (969 is absent)",
        ),
        (((55, "BTC/USD"), (969, "x")), "tick = 0.1 in the configuration, not readable at the venue: 969 = x"),
        (((55, "BTC/USD"), (969, "0")), "tick = 0.1 in the configuration, not readable at the venue: 969 = 0"),
        (((55, "LTC/USD"), (969, "0.1")), "the venue does not list it"),
    ],
)
def test_a_difference_names_key_and_both_values(entry, difference):
    venue = Venue()
    verdicts = venue.list_of(entry, GOOD_ETH)
    assert (verdicts[0].difference, verdicts[3].difference) == (difference, "")
    assert venue.list.missing == {0}


@pytest.mark.parametrize(
    "text",
    ["1E+1000000000", "1E-1000000000", "1E+19", "1E-19", "1" * 5000, "0." + "0" * 5000 + "1", "1_0", "NaN", "-1", "x"],
)
def test_a_text_that_is_no_increment_is_a_difference(text):
    venue = Venue()
    verdicts = venue.list_of(((55, "BTC/USD"), (969, text), (561, "0.0001")), GOOD_ETH)
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    difference = f"tick = 0.1 in the configuration, not readable at the venue: 969 = {shown}"
    assert (verdicts[0].difference, verdicts[3].difference) == (difference, "")


def test_the_largest_and_smallest_increments_are_shown_in_full():
    for text, value in (("1E+18", "1" + "0" * 18), ("1E-18", "0." + "0" * 17 + "1")):
        verdicts = Venue().list_of(((55, "BTC/USD"), (969, text), (561, "0.0001")), GOOD_ETH)
        assert verdicts[0].difference == f"tick = 0.1 in the configuration, {value} at the venue (969)"


@pytest.mark.parametrize("text", ["19", "-1", "1.0", "9" * 5000, "\u0663"])
def test_a_text_that_is_no_number_of_decimals_is_a_difference(text):
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    profile = instruments(tick_tag=None, tick_decimals_tag=2349)
    verdicts = Venue(profile).list_of(((55, "BTC/USD"), (2349, text), (561, "0.0001")), GOOD_ETH)
    assert verdicts[0].difference == f"tick = 0.1 in the configuration, not readable at the venue: 2349 = {shown}"
    checksum = Checksum(algorithm="kraken-crc32", tag=5041, price_decimals_tag=2349, size_decimals_tag=5010)
    verdicts = Venue(checksum=checksum).list_of((*GOOD_BTC, (2349, text), (5010, 1)), GOOD_ETH)
    assert verdicts[0].difference == f"the checksum needs the price's decimals, but the venue sent '{shown}' (2349)"


def test_decimals_are_a_tick():
    profile = instruments(tick_tag=None, tick_decimals_tag=2349, lot_tag=None, lot_decimals_tag=5010)
    venue = Venue(
        profile, Checksum(algorithm="kraken-crc32", tag=5041, price_decimals_tag=2349, size_decimals_tag=5010)
    )
    verdicts = venue.list_of(
        ((55, "BTC/USD"), (2349, 1), (5010, 4), (1682, 17)), ((55, "ETH/USD"), (2349, 3), (5010, 0), (1682, 17))
    )
    assert (verdicts[0].difference, verdicts[0].decimals) == ("", (1, 4))
    assert verdicts[3].difference == "tick = 0.01 in the configuration, 3 decimals, so 0.001 at the venue (2349)"


def test_a_checksum_without_its_decimals_cannot_be_verified():
    checksum = Checksum(algorithm="kraken-crc32", tag=5041, price_decimals_tag=2349, size_decimals_tag=5010)
    verdicts = Venue(checksum=checksum).list_of((*GOOD_BTC, (2349, 1)), GOOD_ETH)
    assert verdicts[0].difference == "the checksum needs the size's decimals, but the venue sent none (5010)"


def test_a_status_that_does_not_allow_trading_is_no_difference():
    venue = Venue()
    verdicts = venue.list_of((*GOOD_BTC[:-1], (1682, "2")), GOOD_ETH[:-1])
    assert [(v.tradable, v.status) for v in verdicts.values()] == [(False, "2"), (False, "absent")]
    assert venue.list.missing == set()
    assert venue.later(REPEAT_NS) == {} and venue.send() == [{320: "71", 559: "4"}]
    verdicts = venue.list_of(GOOD_BTC, GOOD_ETH, request="71")
    assert [v.tradable for v in verdicts.values()] == [True, True]


@pytest.mark.parametrize(
    ("first", "second"),
    [(((893, "N"),), ((893, "Y"),)), (((393, 3),), ((393, 3),)), (((393, 3), (893, "N")), ((393, 3), (893, "Y")))],
)
def test_a_list_in_several_messages_is_complete_with_the_last(first, second):
    venue = Venue()
    assert venue.list_of(GOOD_ETH, ((55, "OTHER"), (969, 1)), more=first) == {}
    assert venue.list.missing == {0, 3}
    venue.now += TIMEOUT_NS - 1  # between two parts
    assert venue.list_of(GOOD_BTC, more=second).keys() == {0, 3}
    assert venue.list.missing == set()


def test_definitions_end_with_their_number_or_with_silence():
    for total in ((), ((393, 2),)):
        venue = Venue(instruments(request="SecurityDefinitionRequest"))
        assert venue.asked == [{320: "70", 321: "3"}] and venue.list.msg_type == "c"
        heard = venue.hear(message("d", (320, "70"), (323, 4), *total, *GOOD_BTC))
        assert heard == {} and venue.later(QUIET_NS - 1) == {}
        heard = venue.hear(message("d", (320, "70"), (323, 4), *total, *GOOD_ETH))
        assert (heard or venue.later(QUIET_NS)).keys() == {0, 3}
        assert venue.list.missing == set()


def test_each_instrument_may_be_asked_for_alone():
    fields = [Field(tag=559, value="0"), Field(tag=55, value="{symbol}"), Field(tag=48, value="{security_id}")]
    venue = Venue(instruments(request_fields=fields))
    assert venue.asked == [
        {320: "70", 559: "0", 55: "BTC/USD", 48: "101"},
        {320: "71", 559: "0", 55: "ETH/USD", 48: "102"},
    ]
    assert venue.list_of(GOOD_ETH, request="71") == {}
    verdicts = venue.hear(message("y", (320, "70"), (560, 2), (58, "BTC/USD?")))
    assert verdicts[0].difference == "the venue does not list it: no instruments found: BTC/USD?"
    assert venue.list.missing == {0}


def test_an_instrument_may_be_named_by_its_security_id_alone():
    venue = Venue(instruments(address="SecurityID"))
    verdicts = venue.list_of(GOOD_BTC[1:], ((55, "ANOTHER NAME"), *GOOD_ETH[1:]))
    assert [v.difference for v in verdicts.values()] == ["", ""]


def test_the_first_difference_of_an_instrument_that_is_listed_twice_counts():
    venue = Venue()
    verdicts = venue.list_of(GOOD_ETH, GOOD_BTC, ((55, "BTC/USD"), (969, "5"), (561, 1)), GOOD_BTC)
    assert "5 at the venue" in verdicts[0].difference


def test_an_update_withholds_and_confirms_again():
    venue = Venue()
    venue.list_of(GOOD_BTC, GOOD_ETH)
    finer = ((55, "BTC/USD"), (969, "0.05"), (561, "0.0001"), (1682, "17"))
    verdicts = venue.hear(message("BK", (322, "9"), (980, "M"), (146, 1), *finer))
    assert verdicts[0].difference == "tick = 0.1 in the configuration, 0.05 at the venue (969)"
    assert venue.list.missing == {0}
    assert venue.hear(message("BP", *GOOD_BTC))[0].difference == ""
    assert venue.hear(message("y", (320, "not ours"), (146, 1), *GOOD_BTC)) == {}, "nothing has changed"
    gone = venue.hear(message("BK", (146, 1), *GOOD_ETH, (980, "D")))
    assert gone[3].difference == "the venue has deleted it from its list of instruments"


def test_a_list_that_is_not_answered_confirms_nothing_and_is_repeated():
    venue = Venue()
    assert venue.later(TIMEOUT_NS - 1) == {}
    verdicts = venue.later(1)
    why = "the venue has not confirmed its tick and lot: SecurityListRequest: no answer in 10 s"
    assert [v.difference for v in verdicts.values()] == [why, why]
    assert venue.list.ready and venue.list.missing == {0, 3}
    venue.later(REPEAT_NS)
    venue.send()
    venue.list_of(GOOD_BTC, GOOD_ETH, request="71")
    assert venue.list.missing == set()


@pytest.mark.parametrize("refusal", ["reject", "result", "response"])
def test_a_refused_list_says_why(refusal):
    venue = Venue()
    if refusal == "reject":
        verdicts = {v.row: v for v in venue.list.on_reject(2, "unsupported", venue.now)}
    elif refusal == "result":
        verdicts = venue.hear(message("y", (320, 70), (560, 3), (58, "ask us")))
    else:
        verdicts = venue.hear(message("d", (320, 70), (323, 5), (58, "no")))
    text = {"reject": "rejected: unsupported", "result": "not authorised: ask us", "response": "rejected: no"}[refusal]
    assert verdicts[0].difference.endswith(f"SecurityListRequest: {text}")
    assert venue.list.on_reject(99, "of another message", venue.now) == []


def test_a_repetition_without_an_answer_keeps_what_is_known():
    venue = Venue()
    venue.list_of((*GOOD_BTC[:-1], (1682, "2")), GOOD_ETH)
    venue.later(REPEAT_NS)
    venue.send()
    assert venue.later(TIMEOUT_NS) == {}
    assert venue.list.missing == set()


def test_a_new_session_forgets_the_list():
    venue = Venue()
    venue.list_of(GOOD_BTC, GOOD_ETH)
    venue.list.stop()
    venue.list.start(venue.now)
    assert venue.list.missing == {0, 3}
    assert venue.send() == [{320: "71", 559: "4"}]
    assert venue.list_of(GOOD_BTC, GOOD_ETH, request="71").keys() == {0, 3}
