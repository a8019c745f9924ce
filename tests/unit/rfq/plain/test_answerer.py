"""Plain requests through the kernel: what declines them, and what happens between the Quote and what follows it."""

import numpy as np
import pytest

from quotelife.controls import layout as C
from quotelife.decision import pricing
from quotelife.ledger.quote_state import CANCELLED, EXPIRED, FILLED, OPEN, VOIDED, WITHDRAWN
from quotelife.market.board import layout as L
from quotelife.parameters.region import ActiveParameters
from quotelife.rfq import quote_issuer
from quotelife.rfq.plain import layout as P
from quotelife.rfq.seen_request_ids import SeenRequestIds
from quotelife.rfq.warm_up import live_board
from tests.unit.rfq.plain.plain_rig import PLAIN_CLIENTS, PlainRig, ask, request
from tests.unit.rfq.rfq_rig import fields
from tests.unit.rfq.test_reconfiguration import reconfigure


@pytest.fixture
def rig(tmp_path):
    return PlainRig(tmp_path)


def send(rig: PlainRig, text: str, session: str = "ORD") -> dict[str, str]:
    """Answered by the kernel."""
    [answer], by_kernel = rig.answer_text(text, session)
    assert by_kernel
    return fields(answer)


def refusal(rig: PlainRig, text: str, session: str = "ORD") -> str:
    """Declined by the kernel, and refused by the general way."""
    [answer], by_kernel = rig.answer_text(text, session)
    assert not by_kernel
    return fields(answer)["58"]


def answer(rig: PlainRig, text: str):
    """Answered and not yet sent."""
    answered = rig.handler.plain.answer_text(text, rig.wall_ns, rig.mono_ns)
    assert answered is not None
    return answered


def test_a_quote_can_be_hit_and_expires_like_any_other(rig):
    quote = send(rig, ask("r1"))
    [report] = rig.send("AJ", f"693=h1|117={quote['117']}|694=1|54=1")
    assert (report["39"], report["44"], report["38"]) == ("2", quote["133"], "1.5")
    assert rig.state(quote) == FILLED and rig.handler.open_quotes.positions[0] == -1500
    other = send(rig, ask("r2", "55=ETH-USD|38=1"))
    rig.sleep(10_000)
    rig.handler.expire(rig.mono_ns)
    assert rig.state(other) == EXPIRED


def test_a_repeated_request_gets_the_same_quote_again(rig):
    first = send(rig, ask("r1"))
    [again], by_kernel = rig.answer_text(ask("r1"), "ORD")
    assert not by_kernel and fields(again) == first
    [resent], by_kernel = rig.answer_text(request("131=r1|146=1|55=BTC-USD|54=1|38=1.5", header="97=Y|"), "ORD")
    assert not by_kernel and fields(resent) == first
    assert "other content" in refusal(rig, ask("r1", "55=BTC-USD|54=1|38=1"))
    rig.sleep(100_000)
    for _ in range(3):
        rig.handler.expire(rig.mono_ns)
    rig.sleep(100_000)
    for _ in range(3):
        rig.handler.expire(rig.mono_ns)
    assert not rig.handler.issuer.quoted_requests
    assert "used before" in refusal(rig, ask("r1"))


def test_ids_of_different_sessions_do_not_meet(rig):
    assert send(rig, ask("r1"))["131"] == send(rig, ask("r1", session="FUND"), "FUND")["131"]


def test_an_id_that_the_general_way_has_quoted_is_not_new(rig):
    rig.answer("R", "131=r1|146=1|55=BTC-USD|54=1|38=1.5")
    rig.decline(ask("r1"))


def test_ids_of_the_run_before_are_known_and_quotes_live_on(rig):
    quote = send(rig, ask("r1"))
    assert rig.restart().open == 1
    rig.handler.state.controls_generation = 0
    rig.decline(ask("r1"))
    assert rig.state(quote) == OPEN
    assert send(rig, ask("r2"))["117"].partition("-")[0] != quote["117"].partition("-")[0]


def test_a_quote_is_withdrawn_by_controls_that_come_before_it_is_complete(rig):
    rig.handler.on_logon("ORD")
    answered = answer(rig, ask("r1"))
    words = rig.handler.quoter.controls.words
    words[C.H_STOPPED_NS] = rig.wall_ns
    words[C.H_GENERATION] += 1
    [(session, text)] = rig.drain_cancels()
    assert session == "ORD" and fields(text)["117"] == fields(answered.text)["117"]
    rig.handler.complete(answered, rig.mono_ns)
    assert rig.state(fields(answered.text)) == WITHDRAWN
    assert not rig.handler.watchlist.entries


def test_a_session_whose_quote_is_not_complete_gets_no_other_from_the_kernel(rig):
    """The quote that has left would be overwritten: nobody could hit it any more."""
    answered = answer(rig, ask("r1"))
    first = fields(answered.text)
    rig.decline(ask("r2"))
    assert answer(rig, ask("r1", session="FUND")).name == "FUND"
    rig.handler.complete(answered, rig.mono_ns)
    assert rig.state(first) == OPEN
    assert send(rig, ask("r2"))["131"] == "r2"


def test_what_cannot_be_read_is_declined_until_it_can(rig):
    send(rig, ask("r1"))
    quoter = rig.handler.quoter
    board, table = quoter.board, quoter.table
    quoter.board, quoter.table = live_board(rig.config, rig.folder / "other"), np.asfortranarray(table)
    rig.decline(ask("r2"))
    rig.decline(ask("r2"))
    quoter.board, quoter.table = board, table
    tables = rig.handler.plain.tables
    assert send(rig, ask("r2"))["131"] == "r2"
    assert tables.inputs[P.IN_ROWS] == board.rows.ctypes.data


def test_a_session_that_ends_before_its_quote_is_complete_voids_it(rig):
    answered = answer(rig, ask("r1"))
    rig.handler.on_logout("ORD", "session_ended", rig.wall_ns, rig.mono_ns)
    rig.handler.complete(answered, rig.mono_ns)
    assert rig.state(fields(answered.text)) == VOIDED


def test_a_cancel_of_all_quotes_finds_the_one_that_is_not_complete(rig):
    answered = answer(rig, ask("r1"))
    rig.send("Z", "117=*|298=4")
    rig.handler.complete(answered, rig.mono_ns)
    assert rig.state(fields(answered.text)) == CANCELLED


def test_quotes_that_are_not_complete_are_withdrawn_at_the_end(rig):
    answered = answer(rig, ask("r1"))
    rig.handler.stop_quoting()
    assert rig.handler.any_open(rig.mono_ns)
    rig.handler.withdraw_all(rig.wall_ns, rig.mono_ns)
    rig.handler.complete(answered, rig.mono_ns)
    assert rig.state(fields(answered.text)) == WITHDRAWN
    rig.decline(ask("r2"))


def test_another_configuration_counts_from_the_next_request_on(rig):
    answered = answer(rig, ask("r1"))
    before = fields(answered.text)
    reconfigure(rig, [{**PLAIN_CLIENTS[0], "margin_ticks": 7.0, "max_quantity": 2.0}, *PLAIN_CLIENTS[1:]])
    rig.handler.state.controls_generation = 0
    rig.handler.complete(answered, rig.mono_ns)
    assert rig.state(before) == OPEN
    assert float(send(rig, ask("r2"))["133"]) == float(before["133"]) + 3.5
    assert "at most 2" in refusal(rig, ask("r3", "55=BTC-USD|54=1|38=2.001"))


def test_a_removed_session_gets_nothing_and_a_new_one_is_answered(rig):
    send(rig, ask("r1", session="FUND"), "FUND")
    clients = [{**each, "sessions": ["FUND42"]} if each["name"] == "Fund" else each for each in PLAIN_CLIENTS]
    reconfigure(rig, [*clients, {"name": "Later", "sessions": ["LATER"]}])
    rig.handler.state.controls_generation = 0
    rig.decline(ask("r2", session="FUND"))
    assert not rig.handler.plain.session("FUND").is_plain
    assert send(rig, ask("r1", session="LATER"), "LATER")["35"] == "S"


def test_a_new_board_and_new_parameters_decide(rig, tmp_path):
    first = send(rig, ask("r1"))
    board = live_board(rig.config, tmp_path / "other")
    board.rows[0, L.BID_PX : L.BID_PX + L.DEPTH] += 100
    board.rows[0, L.ASK_PX : L.ASK_PX + L.DEPTH] += 100
    board.rows[0, L.MID2] += 200
    rig.board = rig.handler.quoter.board = board
    rig.sleep(0)
    assert float(send(rig, ask("r2"))["133"]) == float(first["133"]) + 50.0
    table = rig.handler.quoter.table.copy()
    table[0] *= 0.5
    rig.handler.apply_parameters(ActiveParameters(table, "ab" * 32, 2))
    [*_, record] = rig.reader.read()
    send(rig, ask("r3"))
    [last] = rig.reader.read()
    assert (record.parameters, last.parameters) != ("abababababababab",) * 2
    assert last.parameters == "abababababababab"


def test_without_a_board_nothing_is_plain(rig):
    rig.handler.quoter.board = None
    rig.decline(ask("r1"))


def test_a_phase_ends_when_it_ends(rig):
    assert "is closed until" in refusal(rig, ask("r1", "55=NIGHT|38=1"))
    rig.sleep(3_600_000)
    assert send(rig, ask("r2", "55=NIGHT|38=1"))["35"] == "S"
    rig.sleep(22 * 3_600_000)
    assert "is closed until" in refusal(rig, ask("r3", "55=NIGHT|38=1"))


def test_the_allowance_is_that_of_the_general_way(rig):
    for n in range(20):
        send(rig, ask(f"r{n}", "55=ETH-USD|38=1"))
        rig.answer("R", f"131=g{n}|146=1|55=ETH-USD|38=1")
    assert "requests a second" in refusal(rig, ask("r20", "55=ETH-USD|38=1"))
    rig.sleep(25)
    assert send(rig, ask("r21", "55=ETH-USD|38=1"))["35"] == "S"


def test_limits_of_the_desk_and_of_the_client_are_the_general_ways(tmp_path):
    rig = PlainRig(tmp_path, limits={"max_gross_notional": 1e9})
    rig.decline(ask("r1"))
    limited = [{**PLAIN_CLIENTS[0], "max_position": 100.0}, *PLAIN_CLIENTS[1:]]
    other = PlainRig(tmp_path / "other", clients=limited)
    other.decline(ask("r1"))
    assert send(other, ask("r1", session="FUND"), "FUND")["35"] == "S"


def test_a_desks_own_pricing_is_the_general_ways(tmp_path):
    rig = PlainRig(tmp_path, provider=type(pricing.default)())
    rig.decline(ask("r1"))


def test_a_table_of_ids_without_room_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(quote_issuer, "SeenRequestIds", lambda: SeenRequestIds(2))
    rig = PlainRig(tmp_path)
    for n in range(10):
        send(rig, ask(f"r{n}", "55=ETH-USD|38=1"))
    assert all(("ORD", f"r{n}") in rig.handler.issuer.seen_request_ids for n in range(10))


def test_a_failure_to_prepare_leaves_the_request_to_the_general_way(rig, monkeypatch, caplog):
    monkeypatch.setattr(rig.handler.plain.tables, "provide", lambda *_: 1 / 0)
    [text], by_kernel = rig.answer_text(ask("r1"), "ORD")
    assert not by_kernel and fields(text)["35"] == "S" and "preparing" in caplog.text


@pytest.mark.parametrize("text", [ask("é"), ask("\udcff"), ask("x" * 5_000), "", "8=FIX.4.4\x01", request("58=x")])
def test_odd_texts_are_declined(rig, text):
    rig.decline(text)


def test_a_hit_and_a_cancel_are_declined(rig):
    rig.decline(ask("r1").replace("35=R", "35=AJ"))
    rig.decline(ask("r1").replace("35=R", "35=Z"))


def test_the_longest_names_are_still_plain(rig):
    quantity = "0" * 29 + "1.5"
    assert send(rig, ask("x" * 64, f"55=BTC-USD|38={quantity}"))["134"] == quantity
    rig.decline(ask("y", f"55=BTC-USD|38=0{quantity}"))
    assert np.all(rig.handler.plain.session("ORD").out[-100:] == 0)
