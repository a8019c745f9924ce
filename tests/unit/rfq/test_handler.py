"""The handler without an engine: quotes, refusals, expiry, fills, counters and journal records."""

import numpy as np
import pytest

from quotelife.decision import kernel as K
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.pricing import BookPricing
from quotelife.decision.refusal import REFUSALS
from quotelife.decision.request import BY_RULES, RelatedSymbol
from quotelife.journal import layout as J
from quotelife.market.board import layout as L
from quotelife.rfq import open_quotes as open_quotes_module
from quotelife.rfq.open_quotes import REMEMBERED_NS
from quotelife.rfq.seen_request_ids import SeenRequestIds
from quotelife.runtime.clock import parse_utc_timestamp
from quotelife_models.enums import MODELS
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_quote_carries_transact_and_valid_until_times(rig):
    quote = rig.ask("r1")
    assert quote["35"] == "S" and quote["131"] == "r1" and "133" in quote
    assert parse_utc_timestamp(quote["60"]) == rig.wall_ns
    lifetime_ns = parse_utc_timestamp(quote["62"]) - rig.wall_ns
    assert lifetime_ns // 1000 == int(quote["20004"])


@pytest.mark.parametrize("fraction_ns", [0, 1, 499, 500, 999])
def test_lifetime_field_is_the_difference_of_the_time_fields(rig, fraction_ns):
    rig.wall_ns += fraction_ns
    quote = rig.ask("r1")
    told_us = (parse_utc_timestamp(quote["62"]) - parse_utc_timestamp(quote["60"])) // 1000
    assert told_us == int(quote["20004"])


@pytest.mark.parametrize("limit", ["62=99991231-23:59:59", "126=99991231-00:00:00", "62=22630101-00:00:00"])
def test_time_limit_in_the_far_future_is_no_limit(rig, limit):
    assert rig.ask("r1", f"55=BTC-USD|54=1|38=1.5|{limit}")["35"] == "S"


@pytest.mark.parametrize("bad", ["131=L\udce9|146=1|55=BTC-USD|54=1|38=1", "131=r1|146=1|55=\udcff\udcfe|54=1|38=1"])
def test_request_with_invalid_utf8_is_refused_as_malformed(rig, bad):
    [answer] = rig.send("R", bad)
    assert (answer["35"], answer["658"]) == ("AG", "99") and "UTF-8" in answer["58"]
    assert "".join(answer.values()).encode("utf-8")


def test_repeated_client_text_is_shortened(rig):
    [answer] = rig.send("R", f"131={'x' * 5000}|146=1|55=BTC-USD|54=1|38=1")
    assert answer["131"] == "x" * 64 and "64" in answer["58"]
    assert len(rig.ask("r2", f"55=BTC-USD|54=1|38={'9' * 400}")["58"]) <= 250


def test_quote_expires_at_its_deadline_to_the_nanosecond(rig):
    quote = rig.ask("r1")
    left_ns = parse_utc_timestamp(quote["62"]) - rig.wall_ns - 1
    rig.mono_ns += left_ns
    rig.wall_ns += left_ns
    [report] = rig.send("AJ", f"693=a|117={quote['117']}|694=1")
    assert report["39"] == "2"
    rig.sleep(1)
    other = rig.ask("r2")
    left_ns = parse_utc_timestamp(other["62"]) - rig.wall_ns
    rig.mono_ns += left_ns
    rig.wall_ns += left_ns
    late, status = rig.send("AJ", f"693=b|117={other['117']}|694=1")
    assert (late["39"], late["103"], status["35"], status["297"]) == ("8", "4", "AI", "7")


def test_late_hit_is_too_late_at_first_and_unknown_after_eviction(rig):
    quote = rig.ask("r1")
    rig.sleep(11_000)
    rig.ask("r2")  # ends r1
    assert rig.send("AJ", f"693=a|117={quote['117']}|694=1")[0]["103"] == "4"
    rig.sleep(REMEMBERED_NS / 1e6)
    rig.ask("r3")
    assert rig.send("AJ", f"693=b|117={quote['117']}|694=1")[0]["103"] == "5"


def test_expired_quotes_are_evicted_from_memory(rig):
    for n in range(300):
        rig.ask(f"r{n}")
        rig.sleep(2_000)
    assert len(rig.handler.open_quotes._quotes) < 20
    assert len(rig.handler.issuer.quoted_requests) < 20
    assert rig.ask("r0")["658"] == "99" and rig.refusals("duplicate") == 1


def test_number_of_ended_quotes_in_memory_is_bounded(rig, monkeypatch):
    monkeypatch.setattr(open_quotes_module, "MAX_REMEMBERED", 50)
    for n in range(300):
        rig.ask(f"r{n}")
        rig.sleep(100)
    assert len(rig.handler.open_quotes._past) == 50
    assert len(rig.handler.open_quotes._quotes) == rig.handler.open_quotes.running + 50


def test_oldest_request_ids_may_be_used_again(rig):
    rig.handler.issuer.seen_request_ids = SeenRequestIds(3)
    for n in range(5):
        rig.ask(f"r{n}")
    rig.sleep(60_000)
    rig.ask("s")  # evicts a few per call
    rig.ask("t")
    assert len(rig.handler.issuer.seen_request_ids) == 3
    assert rig.ask("r1")["35"] == "S"
    assert rig.ask("r4")["658"] == "99" and rig.refusals("duplicate") == 1


def test_closed_phase_is_refused_and_a_short_phase_limits_the_lifetime(rig):
    refusal = rig.ask("r1", "55=NIGHT|38=1")
    assert refusal["658"] == "2" and "11:00" in refusal["58"]
    quote = rig.ask("r2", "55=OPENING|38=1|54=1")
    assert quote["20004"] == "40000" and quote["20003"] == "session_maximum"


def test_lifetime_below_the_round_trip_is_refused(rig):
    refusal = rig.ask("r1", session="FAR")
    assert refusal["658"] == "10" and "100000 ms" in refusal["58"]


def test_session_without_a_client_is_refused(rig):
    refusal = rig.ask("r1", session="NOBODY")
    assert refusal["658"] == "6" and "NOBODY" in refusal["58"]


def test_request_without_a_board_is_refused(rig):
    rig.handler.quoter.board = None
    assert rig.ask("r1")["658"] == "8" and rig.refusals("stale_book") == 1


def test_request_with_a_dead_board_writer_is_refused(rig):
    rig.sleep(5_000, alive=False)
    refusal = rig.ask("r1")
    assert refusal["658"] == "8" and "20260105-10:00:00.000000" in refusal["58"]


def test_internal_errors_are_answered_and_logged(rig, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("inside")

    monkeypatch.setattr(rig.handler.sessions["ORD"].client, "allow_request", broken)
    refusal = rig.ask("r1")
    assert refusal["658"] == "99" and refusal["131"] == "r1" and refusal["55"] == "BTC-USD"
    assert "inside" in caplog.text


def test_shorter_side_decides_the_lifetime_of_a_two_way_quote(rig):
    rig.board.rows[0, L.BID_SZ] = 10_000_000  # heavy bids: the offer is the side in danger
    both = rig.ask("r1", "55=BTC-USD|38=1.5")
    sides = [rig.ask(f"s{side}", f"55=BTC-USD|38=1.5|54={side}") for side in (1, 2)]
    assert int(both["20004"]) == min(int(s["20004"]) for s in sides)
    assert both["133"] == sides[0]["133"] and both["132"] == sides[1]["132"]


def test_fills_change_positions_in_both_directions(rig):
    bought = rig.ask("r1")
    rig.send("AJ", f"693=a|117={bought['117']}|694=1")
    assert rig.handler.open_quotes.positions[0] == -1_500
    sold = rig.ask("r2", "55=BTC-USD|54=2|38=2")
    rig.send("D", f"11=b|117={sold['117']}|40=D|54=2|38=2|55=BTC-USD")
    assert rig.handler.open_quotes.positions[0] == 500


def test_same_inputs_give_the_same_record(rig):
    """Bit for bit, and the same whether the default pricing runs inside the kernel or outside of it."""
    client = rig.handler.sessions["ORD"].client
    records = []
    for provider in (rig.handler.quoter.provider, rig.handler.quoter.provider, BookPricing()):
        rig.handler.quoter.provider = provider
        buffers = DecisionBuffers()
        related = RelatedSymbol("BTC-USD", 0, "1.5", rig.wall_ns + 3_000_000_000, 1)
        decision = rig.handler.quoter.quote(client, related, BY_RULES, 700, rig.wall_ns, rig.mono_ns, buffers)
        records.append((decision, buffers.record.words.tobytes(), buffers.snap.tobytes()))
    assert records[0] == records[1] == records[2]


def test_decision_is_reproduced_from_its_record(rig):
    """The journal holds what the kernel saw: weighing it again gives the record's own decision."""
    rig.ask("r1", "55=BTC-USD|38=1.5", session="FUND")
    [record] = list(rig.reader.read())
    quoter, client = rig.handler.quoter, rig.handler.sessions["FUND"].client
    again = record.words.copy()
    again[J.BID_DECISION : J.OFFER_CONTEXT] = 0
    again[J.LIFETIME_NS] = 0
    buffers = rig.handler.sessions["FUND"].decision_buffers[0]
    terms = quoter.terms(client, quoter.instruments["BTC-USD"])
    K.decide_quote(
        buffers.request, terms.values, client.context, terms.rules, quoter.table, quoter.policies, buffers.snap, again,
        buffers.work,
    )  # fmt: skip
    assert again.tobytes() == record.words.tobytes()


def test_journal_record_holds_the_decision(rig):
    quote = rig.ask("r1", session="FUND")
    rig.ask("r2", "55=NO-SUCH|38=1")
    rig.send("R", "146=1|55=BTC-USD|38=1")
    first, second, third = rig.reader.read()
    assert (first.kind, first.quote_id, first.request_id) == (J.KIND_QUOTE, quote["117"], "r1")
    assert MODELS[first.model].upper() == quote["20001"]
    assert first.lifetime_ns // 1000 == int(quote["20004"])
    assert first.valid_until_ns == parse_utc_timestamp(quote["62"])
    assert first.offer_ticks > 0 and first.bid_ticks == 0 and first.quantity_lots == 1500
    assert (first.row, first.client, first.side) == (0, 1, 1)
    assert first.features.any() and first.contexts[1].any() and not first.contexts[0].any()
    for record, name in ((second, "unknown_symbol"), (third, "malformed")):
        assert record.kind == J.KIND_REJECT and REFUSALS[record.outcome] == name
        assert record.model == -1 and record.row in (-1, 0)
        assert not record.features.any()
    assert (second.request_id, third.request_id) == ("r2", "NONE")


def test_expired_quotes_are_counted_per_model(rig):
    for n in range(5):
        rig.ask(f"r{n}")
    rig.sleep(60_000)
    for n in range(5):
        rig.ask(f"s{n}")
    word = rig.region.counter("quotelife_expired_total", model="liquidity_provider")
    assert rig.region.values[word] == 5


def test_unsupported_message_type_has_no_outcome(rig):
    assert rig.handler.receive("8=F\x0135=B\x0149=ORD\x0110=0\x01", 1, 1) is None


def test_due_quotes_expire_a_few_per_call(rig, monkeypatch):
    monkeypatch.setattr(open_quotes_module, "_PER_CALL", 2)
    for n in range(5):
        rig.ask(f"r{n}")
    later = rig.mono_ns + 20_000_000_000
    assert [len(rig.handler.open_quotes.expire(later)) for _ in range(4)] == [2, 2, 1, 0]


def test_decision_buffers_are_reused_between_requests(rig):
    buffers = rig.handler.sessions["ORD"].decision_buffers[0]
    rig.ask("r1")
    assert np.any(buffers.record.words) and rig.handler.sessions["ORD"].decision_buffers == [buffers]
