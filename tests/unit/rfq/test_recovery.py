"""Recovery: a handler is dropped without a shutdown and restored from journal and ledger."""

import pytest

from quotelife.journal import layout as J
from quotelife.ledger.quote_state import PASSED, VOIDED
from quotelife.ledger.store import Ledger
from quotelife.metrics import labels
from quotelife.rfq.open_quotes import REMEMBERED_NS
from quotelife.rfq.recovery import STATE_OF_REASON
from quotelife.runtime.clock import parse_utc_timestamp
from tests.unit.rfq.rfq_rig import Rig, fields


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def hit(rig: Rig, quote: dict[str, str], response_id: str, more: str = "") -> list[dict[str, str]]:
    return rig.send("AJ", f"693={response_id}|117={quote['117']}|694=1{more}")


def test_quote_is_journalled_before_it_is_sent(rig):
    text = "8=FIX.4.4|9=1|35=R|34=2|49=ORD|52=x|56=Q|131=r1|146=1|55=BTC-USD|54=1|38=1.5|10=000|".replace("|", "\x01")
    answer = rig.handler.receive(text, rig.wall_ns, rig.mono_ns)
    [record] = rig.reader.read()
    assert record.kind == J.KIND_QUOTE and record.quote_id == fields(answer.messages[0])["117"]


def test_restored_quote_can_be_hit_until_its_deadline(rig):
    quote, other = rig.ask("r1"), rig.ask("r2")
    restored = rig.restart()
    assert restored.open == 2 and restored.requests == 2
    [report] = hit(rig, quote, "a")
    assert (report["39"], report["31"]) == ("2", quote["133"])
    left_ns = parse_utc_timestamp(other["62"]) - rig.wall_ns
    rig.sleep(left_ns / 1e6)
    assert hit(rig, other, "b")[0]["103"] == "4"


def test_restored_quote_expires_at_its_deadline_to_the_nanosecond(rig):
    quote = rig.ask("r1")
    rig.restart()
    left_ns = parse_utc_timestamp(quote["62"]) - rig.wall_ns - 1
    rig.mono_ns += left_ns
    rig.wall_ns += left_ns
    assert hit(rig, quote, "a")[0]["39"] == "2"


@pytest.mark.parametrize("related", ["55=BTC-USD|54=1|38=1.5", "55=BTC-USD|54=2|38=1.5", "55=ETH-USD|38=7"])
def test_repeated_request_after_a_restart_gets_the_same_message(rig, related):
    quote = rig.ask("r1", related)
    rig.restart()
    assert rig.ask("r1", related) == quote
    refusal = rig.ask("r1", "55=BTC-USD|54=1|38=2")
    assert refusal["35"] == "AG" and rig.refusals("duplicate") == 1


def test_used_request_id_is_refused_after_a_restart(rig):
    rig.ask("r1")
    rig.sleep(REMEMBERED_NS / 1e6 + 20_000)
    rig.restart()
    assert rig.ask("r1")["658"] == "99" and rig.refusals("duplicate") == 1


def test_fills_positions_and_answers_are_restored(rig):
    quote = rig.ask("r1")
    first = hit(rig, quote, "a")
    refused = hit(rig, quote, "b")
    rig.restart()
    assert rig.handler.open_quotes.positions[0] == -1_500
    assert hit(rig, quote, "a") == [message | {"97": "Y"} for message in first]
    assert hit(rig, quote, "b") == [message | {"97": "Y"} for message in refused]
    [other] = hit(rig, quote, "a", "|38=1")
    assert (other["39"], other["103"]) == ("8", "6")
    assert hit(rig, quote, "c")[0]["103"] == "6"
    assert len(list(rig.ledger.fills())) == 1


def test_fill_missing_from_the_journal_is_written_to_it(rig):
    """The process died between the disk and the answer."""
    quote = rig.ask("r1")
    rig.receive_and_store("AJ", f"693=a|117={quote['117']}|694=1|38=0.5")
    restored = rig.restart()
    assert restored.missing_fills == 1 and restored.open == 0
    last = list(rig.reader.read())[-1]
    assert (last.kind, last.quote_id, last.request_id) == (J.KIND_FILL, quote["117"], "a")
    assert (last.quantity_lots, last.side) == (500, 1) and last.offer_ticks > 0
    assert hit(rig, quote, "b")[0]["103"] == "6"
    assert rig.restart().missing_fills == 0


def test_decided_fill_that_was_not_stored_is_not_restored(rig):
    quote = rig.ask("r1")
    rig.receive("AJ", f"693=a|117={quote['117']}|694=1")
    rig.restart()
    assert rig.handler.open_quotes.positions[0] == 0
    assert hit(rig, quote, "a")[0]["39"] == "2"


def test_only_live_quotes_are_monitored_after_a_restart(rig):
    rig.ask("r1")
    rig.sleep(10_000)
    live = rig.ask("r2")
    assert rig.restart().open == 1
    assert [entry.quote_id for entry in rig.handler.watchlist.entries.values()] == [live["117"]]


def test_passed_and_voided_quotes_stay_ended_after_a_restart(rig):
    passed, voided = rig.ask("r1"), rig.ask("r2", session="FUND")
    rig.send("AJ", f"693=a|117={passed['117']}|694=6")
    rig.handler.on_logout("FUND", "session_ended", rig.wall_ns, rig.mono_ns)
    assert rig.restart().open == 0
    assert hit(rig, passed, "b")[0]["103"] == "99" and rig.state(passed) == PASSED
    [report] = rig.send("AJ", f"693=c|117={voided['117']}|694=1", session="FUND")
    assert report["103"] == "99" and rig.state(voided) == VOIDED


def test_new_ids_differ_from_those_of_earlier_starts(rig):
    ids = set()
    for start in range(4):
        quote = rig.ask(f"r{start}")
        ids |= {quote["117"], hit(rig, quote, f"h{start}")[0]["17"]}
        rig.wall_ns -= 3_000_000  # a clock that goes back
        rig.restart()
    assert len(ids) == 8


def test_unsent_answers_are_sent_again_after_a_restart(rig):
    quote, other = rig.ask("r1"), rig.ask("r2")
    sent = rig.answer("AJ", f"693=a|117={quote['117']}|694=1")
    rig.handler.mark_sent(sent)
    lost = rig.answer("AJ", f"693=b|117={other['117']}|694=1")
    rig.handler.deliveries.flush()
    rig.restart()
    [(key, [text])] = rig.handler.deliveries.on_logon("ORD", is_renumbered=False)
    assert key == ("ORD", "AJ", "b")
    assert fields(text) == fields(lost.messages[0]) | {"97": "Y"}
    assert text.startswith("8=FIX.4.4\x019=0\x0135=8\x0197=Y\x01")
    rig.handler.deliveries.on_sent(key, [text])
    assert rig.handler.deliveries.on_logon("ORD", is_renumbered=False) == []


def test_quotes_of_a_removed_client_are_skipped(rig):
    rig.ask("r1", session="FUND")
    rig.clients = rig.clients[:1]
    assert rig.restart().open == 0


def test_failed_ledger_write_fills_nothing(rig, caplog):
    quote = rig.ask("r1")
    rig.ledger.close()
    [report] = hit(rig, quote, "a")
    assert (report["39"], report["103"]) == ("8", "99")
    assert rig.handler.open_quotes.positions[0] == 0
    assert rig.region.values[rig.region.counter("quotelife_hits_total", outcome="failed")] == 1
    assert quote["117"] in caplog.text or "ORD" in caplog.text
    rig.handler.hits._ledger = rig.ledger = Ledger(rig.folder / "ledger.sqlite")
    assert hit(rig, quote, "a")[0]["39"] == "2", "the quote is still open, and the id can be used again"


def test_response_id_in_the_ledger_only_gets_the_stored_answer(rig):
    quote, other = rig.ask("r1"), rig.ask("r2")
    first = hit(rig, quote, "a")
    rig.handler.hits._answers.clear()
    assert hit(rig, quote, "a") == [message | {"97": "Y"} for message in first]
    assert hit(rig, other, "a")[0]["103"] == "6"
    assert rig.handler.open_quotes.positions[0] == -1_500
    assert hit(rig, other, "b")[0]["39"] == "2"


def test_every_cancel_reason_has_a_state_after_a_restart():
    assert set(STATE_OF_REASON) == set(labels.CANCEL_REASONS)


def test_journal_and_metrics_have_the_same_names():
    assert J.KIND_NAMES == labels.RECORD_KINDS
