"""A request for another product than the instrument's spot is refused by the field that asks for it."""

import pytest

from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Rig:
    return Rig(tmp_path_factory.mktemp("rig"))


OTHERS = {
    "a forward": ("64=20270301", "SettlDate (64) of BTC-USD is '20270301'; allowed: absent"),
    "a tenor": ("63=M3", "SettlType (63) of BTC-USD is 'M3'; allowed: 0"),
    "a swap": ("64=20260107|193=20260407|192=1.5|40=G", "SettlDate (64) of BTC-USD is '20260107'"),
    "a swap's type": ("40=G", "SettlDate2 (193) of a swap in BTC-USD is missing"),
    "a stop order": ("40=3", "OrdType (40) is '3'; allowed: 1 (market), 2 (limit), D (previously quoted), G (swap)"),
    "a swap's far quantity": ("192=1.5", "OrderQty2 (192) of BTC-USD is '1.5'"),
    "the other currency": ("15=USD", "Currency (15) of BTC-USD is 'USD'"),
    "an option": ("167=OPT|200=202603|201=1|202=100000", "SecurityType (167) of BTC-USD is 'OPT'"),
    "an option's strike": ("202=100000", "StrikePrice (202) of BTC-USD is '100000'"),
    "an option's side": ("201=1", "PutOrCall (201) of BTC-USD is '1'"),
    "a maturity": ("200=202603", "MaturityMonthYear (200) of BTC-USD is '202603'"),
    "another ISIN": ("48=US0378331005|22=4", "SecurityIDSource (22) of BTC-USD is '4'"),
    "a restricted quote": ("537=2", "QuoteType (537) is '2'; allowed: 0 (indicative), 1 (tradeable)"),
    "an amount of cash": ("152=1000", "CashOrderQty (152) of BTC-USD is '1000'"),
    "contracts": ("854=1", "QtyType (854) is '1'; allowed: 0 (units)"),
    "a settlement currency": ("120=EUR", "SettlCurrency (120) is 'EUR'"),
    "a derivative, in FIX.5.0SP2": ("40049=1", ""),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_product_is_refused_by_name(rig, other):
    asked, text = OTHERS[other]
    answer = rig.ask(f"other {other}", f"55=BTC-USD|54=1|38=1.5|{asked}")
    if not text:  # a number of the client's own in FIX.4.4
        assert answer["35"] == "S"
        return
    assert (answer["35"], answer["658"]) == ("AG", "99") and answer["58"].startswith(text)


def test_a_refused_field_is_counted_as_such(rig):
    before = rig.refusals("unsupported_field")
    rig.ask("counted", "55=BTC-USD|54=1|38=1.5|64=20270301")
    assert rig.refusals("unsupported_field") == before + 1


def test_one_entry_for_another_product_refuses_the_whole_request(rig):
    [answer] = rig.send("R", "131=two|146=2|55=BTC-USD|54=1|38=1.5|55=ETH-USD|54=1|38=1|854=1")
    assert answer["35"] == "AG" and "QtyType (854)" in answer["58"] and answer["146"] == "2"


def test_one_entry_for_another_settlement_refuses_that_entry(rig):
    answers = rig.send("R", "131=three|146=2|55=BTC-USD|54=1|38=1.5|55=ETH-USD|54=1|38=1|64=20270301")
    assert [(answer["35"], answer["55"]) for answer in answers] == [("S", "BTC-USD"), ("AG", "ETH-USD")]


@pytest.mark.parametrize("said", ["63=0", "537=1", "40=D", "854=0", "423=2", "1=ACC", "60=20260105-10:00:00", "9001=x"])
def test_a_field_that_says_what_is_done_anyway_is_no_reason_to_refuse(rig, said):
    assert rig.ask(f"said {said}", f"55=BTC-USD|54=1|38=1.5|{said}")["35"] == "S"
