"""Which settlement SettlType (63) and SettlDate (64) name, and what is refused."""

import msgspec
import pytest

from quotelife.config.instrument_sections import Instrument
from quotelife.decision.refusal import Refusal
from quotelife.market.grid import Grid
from quotelife.rfq.terms.settlement import Settlement, Settlements

PAIR = {
    "symbol": "EUR/USD",
    "tick": "0.00001",
    "lot": "0.01",
    "venue": "V",
    "settl_type": "3",
    "settl_date": "20260107",
    "forward": [
        {"tenor": "1", "settl_date": "20260105", "bid_points": "-0.00002", "offer_points": "-0.00001"},
        {"tenor": "M1", "settl_date": "20260209", "bid_points": "0.00201", "offer_points": "0.00203"},
        {"tenor": "M3", "bid_points": "0.006", "offer_points": "0.0061"},
        {"tenor": "Y1", "settl_date": "20270107"},
    ],
}


def settlements(**changes: object) -> Settlements:
    return Settlements(msgspec.convert(PAIR | changes, Instrument), Grid("0.00001"))


def name_of(tag: str) -> str:
    return f"F{tag} ({tag})"


@pytest.mark.parametrize(
    ("stated", "tenor"),
    [
        ({}, ""),
        ({"63": "0"}, ""),
        ({"63": "3"}, ""),
        ({"64": "20260107"}, ""),
        ({"63": "0", "64": "20260107"}, ""),
        ({"63": "6", "64": "20260107"}, ""),
        ({"63": "1"}, "1"),
        ({"63": "M1"}, "M1"),
        ({"64": "20260209"}, "M1"),
        ({"63": "M1", "64": "20260209"}, "M1"),
        ({"63": "6", "64": "20260209"}, "M1"),
        ({"63": "B", "64": "20260105"}, "1"),
        ({"63": "M3"}, "M3"),
    ],
)
def test_type_and_date_name_a_settlement(stated, tenor):
    assert settlements().tenor(stated, name_of) == tenor


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ({"63": "2"}, "F63 (63) of EUR/USD is '2'; allowed: 0, 3, 1, M1, M3, Y1"),
        ({"64": "20270301"}, "F64 (64) of EUR/USD is '20270301'; allowed: 20260107 (regular), 20260105 (1), "
                             "20260209 (M1), 20270107 (Y1)"),
        ({"63": "0", "64": "20260209"}, "F64 (64) of EUR/USD is '20260209'; allowed: 20260107 (regular)"),
        ({"63": "M1", "64": "20260107"}, "F64 (64) of EUR/USD is '20260107'; allowed: 20260209 (M1)"),
        ({"63": "M3", "64": "20260407"}, "F64 (64) of EUR/USD is '20260407'; allowed: absent"),
        ({"63": "6"}, "F64 (64) of EUR/USD is missing beside F63 (63) '6'"),
        ({"63": "6", "64": "20270301"}, "F64 (64) of EUR/USD is '20270301'; allowed: 20260107 (regular), 20260105 (1), "
                                        "20260209 (M1), 20270107 (Y1)"),
    ],
)  # fmt: skip
def test_what_is_not_quoted_is_refused_by_its_name(stated, text):
    with pytest.raises(Refusal) as refused:
        settlements().tenor(stated, name_of)
    assert refused.value.text == text


def test_an_instrument_without_dates_settles_regularly_only():
    plain = settlements(settl_type=None, settl_date=None, forward=[])
    assert plain.tenor({"63": "0"}, name_of) == ""
    for stated in ({"64": "20260107"}, {"63": "1"}, {"63": "6", "64": "20260107"}):
        with pytest.raises(Refusal, match="allowed: "):
            plain.tenor(stated, name_of)


def test_a_forward_has_its_points_in_ticks():
    assert settlements().of_tenor("M1") == Settlement("M1", "20260209", 201, 203)
    assert settlements().of_tenor("1") == Settlement("1", "20260105", -2, -1)
    assert settlements().of_tenor("") == Settlement("", "20260107")


def test_a_forward_without_points_has_no_market():
    with pytest.raises(Refusal) as refused:
        settlements().of_tenor("Y1")
    assert refused.value.text == "no market for EUR/USD Y1: there are no forward points"
    assert refused.value.reason.code == 8
