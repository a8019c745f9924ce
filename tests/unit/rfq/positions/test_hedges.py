"""Hedge sessions: what moves the position, once, what is refused by name, and the answers."""

import pytest

from quotelife.fix.versions import VERSIONS
from quotelife.ledger.position import NANO, Position
from quotelife.metrics.labels import HEDGE_OUTCOMES
from tests.standard import check_standard
from tests.unit.rfq.rfq_rig import CLIENTS, Rig, fields

HEDGERS = [*CLIENTS, {"name": "Hedges", "sessions": ["EMS", "EMS2"], "role": "hedge"}]
TRADE = "37=o1|17=X1|150=F|39=2|55=BTC-USD|54=1|32=1.5|31=100.25|151=0|14=1.5|6=100.25|60=20260105-10:00:00.000"
CAPTURE = "571=T1|570=N|55=BTC-USD|32=1.5|31=100.25|75=20260105|60=20260105-10:00:00|552=1|54=2|37=NONE"


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, clients=HEDGERS)


def report(
    rig: Rig,
    body: str,
    msg_type: str = "8",
    session: str = "EMS",
    version: str = "FIX.4.4",
    header: str = "52=20260105-10:00:01",
) -> list[dict]:
    text = f"8={version}|9=1|35={msg_type}|34=2|49={session}|{header}|56=Q|{body}|10=000|"
    outcome = rig.handler.receive(text.replace("|", "\x01"), rig.wall_ns, rig.mono_ns)
    assert outcome is not None
    rig.handler.store(outcome)
    rig.handler.apply(outcome, rig.mono_ns)
    return [fields(answer) for answer in outcome.messages]


def lots(rig: Rig) -> int:
    """Of BTC-USD, on disk as in memory."""
    assert rig.ledger.positions().get("BTC-USD", 0) == rig.handler.open_quotes.positions[0]
    return rig.handler.open_quotes.positions[0]


def test_an_execution_report_moves_the_position_once(rig):
    assert report(rig, TRADE) == []
    assert lots(rig) == 1_500
    assert report(rig, TRADE + "|97=Y") == [] and lots(rig) == 1_500
    rig.restart()
    assert report(rig, TRADE) == [] and lots(rig) == 1_500
    assert report(rig, TRADE.replace("17=X1", "17=X2").replace("54=1", "54=5")) == []
    assert rig.ledger.desk_positions()["BTC-USD"] == Position(0, 0, 0)


def test_reports_are_counted(rig):
    report(rig, TRADE)
    report(rig, TRADE)
    report(rig, TRADE.replace("17=X1", "17=X2").replace("150=F", "150=0"))
    report(rig, CAPTURE.replace("BTC-USD", "DOGE"), "AE")
    counts = {
        o: int(rig.region.values[rig.region.counter("quotelife_hedges_total", session="EMS", outcome=o)])
        for o in HEDGE_OUTCOMES
    }
    assert counts == {"booked": 1, "repeated": 1, "refused": 1}


def test_a_hedge_between_ticks_is_exact(rig):
    report(rig, TRADE.replace("31=100.25", "31=100.123"))
    assert rig.ledger.desk_positions()["BTC-USD"].average == 200_246_000_000


def test_the_same_id_with_other_content_is_refused_but_not_of_another_day_or_session(rig):
    report(rig, TRADE)
    [refused] = report(rig, TRADE.replace("32=1.5", "32=2"))
    assert refused == {
        "8": "FIX.4.4", "9": "0", "35": "Q", "37": "o1", "17": "X1", "127": "Z", "55": "BTC-USD", "54": "1", "32": "2",
        "31": "100.25", "58": "id X1 was used before, for something else", "10": "000",
    }  # fmt: skip
    assert lots(rig) == 1_500
    assert report(rig, TRADE.replace("20260105", "20260106")) == [] and lots(rig) == 3_000
    assert report(rig, TRADE, session="EMS2") == [] and lots(rig) == 4_500


@pytest.mark.parametrize("state", ["0", "4", "5", "8", "A", "C", "I"])
def test_other_states_of_an_order_change_nothing(rig, state):
    assert report(rig, TRADE.replace("150=F", f"150={state}")) == []
    assert lots(rig) == 0


def test_a_trade_is_cancelled_and_corrected(rig):
    report(rig, TRADE)
    assert report(rig, "37=o1|17=X2|19=X1|150=G|39=2|55=BTC-USD|54=1|32=2|31=99.5|60=20260105-11:00:00") == []
    assert rig.ledger.desk_positions()["BTC-USD"] == Position(2_000, 2_000 * 199 * NANO, 0)
    assert report(rig, "37=o1|17=X3|19=X2|150=H|39=4|55=BTC-USD|60=20260105-11:00:01") == []
    assert lots(rig) == 0
    [refused] = report(rig, "37=o1|17=X4|19=X2|150=H|39=4|55=BTC-USD|60=20260105-11:00:02")
    assert refused["127"] == "Z" and "taken back before" in refused["58"]
    [refused] = report(rig, "37=o1|17=X4|19=X9|150=H|39=4|55=BTC-USD|60=20260105-11:00:02")
    assert refused["127"] == "D" and "no trade X9" in refused["58"]
    assert lots(rig) == 0


def test_fix_4_2_says_it_with_exec_trans_type(rig):
    old = {"version": "FIX.4.2"}
    trade = TRADE.replace("150=F", "150=1").replace("39=2", "39=1")
    assert report(rig, "20=0|" + trade, **old) == [] and lots(rig) == 1_500
    assert report(rig, "20=0|" + trade.replace("17=X1", "17=X2").replace("150=1", "150=0"), **old) == []
    assert report(rig, "20=3|" + trade.replace("17=X1", "17=X3"), **old) == [] and lots(rig) == 1_500
    assert report(rig, "20=2|19=X1|" + trade.replace("17=X1", "17=X4").replace("32=1.5", "32=1"), **old) == []
    assert lots(rig) == 1_000
    assert report(rig, "20=1|19=X4|" + trade.replace("17=X1", "17=X5"), **old) == [] and lots(rig) == 0


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("FIX.4.4", "20=0|150=F"), ("FIXT.1.1", "20=0|150=F"), ("FIX.4.2", "20=0|150=F"), ("FIX.4.2", "150=F"),
        ("FIX.4.2", "150=1"), ("FIX.4.2", "150=2"), ("FIX.4.4", "20=0|150=2"),
    ],
)  # fmt: skip
def test_a_trade_is_one_in_each_versions_words(rig, version, state):
    assert report(rig, TRADE.replace("150=F", state), version=version) == [] and lots(rig) == 1_500
    taken_back = TRADE.replace("17=X1", "17=X2|19=X1").replace("150=F", "150=H")
    assert report(rig, taken_back, version=version) == [] and lots(rig) == 0


@pytest.mark.parametrize("state", ["150=", "39=1", "150=Z", "150=K", "20=9|150=F", "20=1|19=X0|150=G", "20=2|150=H"])
@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
def test_a_report_that_may_be_a_trade_is_refused_if_it_is_not_understood(rig, version, state):
    [refused] = report(rig, TRADE.replace("150=F", state), version=version)
    assert (refused["35"], refused["127"]) == ("Q", "Z") and refused["58"].startswith("ExecType (150) is '")
    assert lots(rig) == 0
    counter = rig.region.counter("quotelife_hedges_total", session="EMS", outcome="refused")
    assert int(rig.region.values[counter]) == 1


@pytest.mark.parametrize("state", ["150=Z|32=0.00", "150=K", "20=9|150=0|32=0"])
def test_a_report_that_deals_nothing_is_no_trade_whatever_it_says(rig, state):
    assert report(rig, "37=o|17=X1|39=0|55=BTC-USD|54=1|" + state) == [] and lots(rig) == 0


@pytest.mark.parametrize(("msg_type", "body"), [("8", TRADE), ("AE", CAPTURE)])
def test_a_report_that_is_sent_again_after_midnight_counts_once(rig, msg_type, body):
    body = body.replace("|75=20260105", "").replace("|60=20260105-10:00:00", "").replace(".000", "")
    report(rig, body, msg_type, header="52=20260105-23:59:59")
    booked = lots(rig)
    assert abs(booked) == 1_500
    again = "43=Y|52=20260106-00:00:01|122=20260105-23:59:59"
    report(rig, body, msg_type, header=again)
    assert lots(rig) == booked
    report(rig, body, msg_type, header="52=20260106-00:00:02")
    assert lots(rig) == 2 * booked


def test_fix_4_2_has_no_trade_capture_reports(rig):
    text = f"8=FIX.4.2|9=1|35=AE|34=2|49=EMS|52=x|56=Q|{CAPTURE}|10=000|".replace("|", "\x01")
    assert rig.handler.receive(text, rig.wall_ns, rig.mono_ns) is None
    assert lots(rig) == 0


def test_a_trade_capture_report_is_answered_and_counts_once(rig):
    [accepted] = report(rig, CAPTURE, "AE")
    assert (accepted["35"], accepted["571"], accepted["939"], accepted["150"]) == ("AR", "T1", "0", "F")
    assert lots(rig) == -1_500
    assert report(rig, CAPTURE, "AE") == [accepted] and lots(rig) == -1_500
    replaced = CAPTURE.replace("571=T1", "571=T2|487=2|572=T1").replace("32=1.5", "32=2")
    assert report(rig, replaced, "AE")[0]["939"] == "0" and lots(rig) == -2_000
    cancelled = CAPTURE.replace("571=T1", "571=T3|487=1|572=T2")
    [accepted] = report(rig, cancelled, "AE")
    assert (accepted["939"], accepted["487"], accepted["572"]) == ("0", "1", "T2") and lots(rig) == 0
    [rejected] = report(rig, CAPTURE.replace("571=T1", "571=T4|487=1|572=T1"), "AE")
    assert (rejected["939"], rejected["751"]) == ("1", "99") and "taken back before" in rejected["58"]


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("55=BTC-USD", "55=DOGE", "A", "unknown Symbol (55) 'DOGE'"),
        ("54=1", "54=8", "B", "Side (54) is '8'; allowed: 1 (buy), 2, 5, 6 (sell)"),
        ("|54=1", "", "B", "Side (54) is ''"),
        ("32=1.5", "32=0", "Z", "LastQty (32) is '0'; allowed: above 0"),
        ("32=1.5", "32=-1", "Z", "LastQty (32) is '-1'"),
        ("32=1.5", "32=0.0005", "Z", "LastQty (32): 0.0005 is not a multiple of 0.001"),
        ("32=1.5", "32=x", "Z", "LastQty (32): 'x' is not a number"),
        ("31=100.25", "31=", "Z", "LastPx (31)"),
        ("31=100.25", "31=NaN", "Z", "LastPx (31)"),
        ("31=100.25", "31=1e99", "Z", "LastPx (31): '1e99' is not a number"),
        ("31=100.25", "31=1e300000", "Z", "LastPx (31): '1e300000' is not a number"),
        ("31=100.25", "31=1/3", "Z", "LastPx (31): '1/3' is not a number"),
        ("31=100.25", "31=" + "9" * 41, "Z", "LastPx (31): '999"),
        ("32=1.5", "32=" + "9" * 5000, "Z", "LastQty (32): '999"),
        ("17=X1|", "", "D", "ExecID (17) is ''"),
        ("17=X1", "17=" + "x" * 65, "D", "ExecID (17)"),
        ("150=F", "150=2", "Z", "ExecType (150) is '2'; allowed for a trade: F"),
        ("150=F", "150=H", "D", "ExecRefID (19) is ''"),
        ("55=BTC-USD", "55=BTC-USD|555=2", "Z", "NoLegs (555)"),
    ],
)
def test_what_cannot_be_booked_is_refused_by_name(rig, old, new, code, words):
    [refused] = report(rig, TRADE.replace(old, new))
    assert (refused["35"], refused["127"]) == ("Q", code) and words in refused["58"]
    assert lots(rig) == 0


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("55=BTC-USD", "55=DOGE", "1", "unknown Symbol"),
        ("571=T1|", "", "99", "TradeReportID (571)"),
        ("552=1", "552=2", "99", "NoSides (552) is '2'; allowed: 1"),
        ("570=N", "487=3", "99", "TradeReportTransType (487) is '3'"),
        ("570=N", "856=1", "99", "TradeReportType (856) is '1'; allowed: 0"),
        ("570=N", "150=8", "99", "ExecType (150) is '8'"),
        ("570=N", "487=1", "99", "TradeReportRefID (572)"),
    ],
)
def test_a_report_that_cannot_be_booked_is_rejected_by_name(rig, old, new, code, words):
    [rejected] = report(rig, CAPTURE.replace(old, new), "AE")
    assert (rejected["35"], rejected["939"], rejected["751"]) == ("AR", "1", code) and words in rejected["58"]
    assert lots(rig) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_are_valid_by_the_standards_dictionaries(rig, version):
    bodies = [("8", TRADE.replace("BTC-USD", "DOGE")), ("8", "17=X|150=F"), ("8", "20=0|150=1|39=1")]
    bodies += [("8", TRADE.replace("54=1", "54=Z")), ("8", TRADE.replace("32=1.5", "32=much"))]
    if version != "FIX.4.2":
        replaced = CAPTURE.replace("571=T1", "571=T2|487=2|572=T1")
        bodies += [("AE", CAPTURE), ("AE", replaced), ("AE", "570=N"), ("AE", CAPTURE.replace("54=2", "54=8"))]
        bodies += [("AE", f"{CAPTURE}|487=?|150=?"), ("AE", f"{CAPTURE}|856=?")]
    for msg_type, body in bodies:
        text = f"8=FIX.4.4|9=1|35={msg_type}|34=2|49=EMS|52=x|56=Q|{body}|10=000|".replace("|", "\x01")
        outcome = rig.handler.receive(text, rig.wall_ns, rig.mono_ns)
        assert outcome is not None
        rig.handler.store(outcome)
        [answer] = outcome.messages
        check_standard(answer, (version,))


def test_a_hedge_that_cannot_be_stored_is_refused_and_can_be_sent_again(rig, monkeypatch, caplog):
    with monkeypatch.context() as broken:
        broken.setattr(rig.ledger, "record_change", lambda change: 1 / 0)
        [refused] = report(rig, TRADE)
        assert refused["127"] == "Z" and "send it again" in refused["58"]
    assert lots(rig) == 0
    assert report(rig, TRADE) == [] and lots(rig) == 1_500


def test_a_hedge_session_gets_no_quote_and_others_report_no_hedge(rig):
    quote = rig.ask("r1")
    for msg_type, body in (
        ("R", "131=r2|146=1|55=BTC-USD|54=1|38=1"),
        ("AJ", f"693=a|117={quote['117']}|694=1"),
        ("Z", "117=*|298=4"),
    ):
        text = f"8=FIX.4.4|9=1|35={msg_type}|34=2|49=EMS|52=x|56=Q|{body}|10=000|".replace("|", "\x01")
        assert rig.handler.receive(text, rig.wall_ns, rig.mono_ns) is None
    text = f"8=FIX.4.4|9=1|35=8|34=2|49=ORD|52=x|56=Q|{TRADE}|10=000|".replace("|", "\x01")
    assert rig.handler.receive(text, rig.wall_ns, rig.mono_ns) is None
    assert lots(rig) == 0


def test_hedges_make_room_for_quotes(rig):
    rig.handler.quoter.exposure.move(0, 29_500)
    assert rig.ask("a", "55=BTC-USD|54=2|38=1")["658"] == "9"
    report(rig, TRADE.replace("54=1", "54=2").replace("32=1.5", "32=20"))
    assert rig.ask("b", "55=BTC-USD|54=2|38=1")["35"] == "S"
