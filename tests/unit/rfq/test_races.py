"""What the journal says about a hit and a withdrawal that race each other after a change of the board."""

import math

import pytest

from quotelife.config.paths import RunPaths
from quotelife.journal import layout as J
from quotelife.ledger import client_layout as C
from quotelife.market.board import layout as L
from quotelife.market.board.passage import NOT_PASSED, PASSAGE_UNKNOWN
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.recorder import Recorder
from quotelife.rfq.quote_margin import WATCH_CHANGE_NS
from quotelife.runtime.clock import NS_PER_MS
from quotelife_models import schema as S
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.handler.sessions["ORD"].is_logged_on = True
    return rig


def move(rig: Rig, ticks: int, row: int = 0) -> int:
    """Shift the book of a row, now."""
    words = rig.shift_book(ticks, row)
    for since in (L.TOP_SINCE_NS, L.LAST_EVENT_NS, L.BID_PX_SINCE_NS, L.ASK_PX_SINCE_NS):
        words[since] = rig.mono_ns
    return rig.mono_ns


def records(rig: Rig, *kinds: int) -> list:
    return [record for record in rig.reader.read() if record.kind in kinds]


def hit(rig: Rig, quote: dict[str, str], ago_ms: float = 0.0, **more: str) -> None:
    """A hit that was received that long ago and is processed now."""
    ago_ns = round(ago_ms * NS_PER_MS)
    rig.mono_ns -= ago_ns
    rig.wall_ns -= ago_ns
    rig.send("AJ", f"693=x|117={quote['117']}|694=1" + "".join(f"|{tag}={value}" for tag, value in more.items()))
    rig.mono_ns += ago_ns
    rig.wall_ns += ago_ns


@pytest.mark.parametrize(("side", "ticks"), [(1, 10), (2, -10)])
def test_a_fill_after_the_market_has_passed_the_price_says_when_it_did(rig, side, ticks):
    quote = rig.ask("r1", f"55=BTC-USD|54={side}|38=1.5")
    rig.sleep(1)
    changed_ns = move(rig, ticks)
    rig.sleep(0.3)
    rig.board.rows[0, L.TOP_SINCE_NS] = rig.mono_ns  # a size has changed since: the price passed before
    hit(rig, quote)
    [fill] = records(rig, J.KIND_FILL)
    assert fill.board_change_ns == changed_ns == fill.mono_ns - 300_000


def test_a_hit_received_before_the_change_has_a_negative_reaction(rig):
    quote = rig.ask("r1")
    rig.sleep(1)
    changed_ns = move(rig, 10)
    hit(rig, quote, ago_ms=0.2)
    [fill] = records(rig, J.KIND_FILL)
    assert fill.mono_ns - fill.board_change_ns == -200_000 and fill.board_change_ns == changed_ns


def test_a_fill_before_any_passage_says_so(rig):
    quote = rig.ask("r1")
    move(rig, -10)  # away from the offer
    hit(rig, quote)
    [fill] = records(rig, J.KIND_FILL)
    assert fill.board_change_ns == NOT_PASSED


def test_the_passage_of_a_multileg_is_that_of_its_net_price(rig):
    quote = rig.ask("r1", "55=SPREAD|54=1|38=1|555=2|600=BTC-USD|624=1|600=ETH-USD|624=2")
    rig.sleep(1)
    move(rig, 1, row=1)
    rig.sleep(1)
    changed_ns = move(rig, 100)
    hit(rig, quote)
    [fill] = records(rig, J.KIND_FILL)
    assert fill.board_change_ns == changed_ns


def test_without_a_board_the_passage_is_unknown(rig):
    quote = rig.ask("r1")
    rig.handler.quoter.board = None
    hit(rig, quote)
    [fill] = records(rig, J.KIND_FILL)
    assert fill.board_change_ns == PASSAGE_UNKNOWN


def withdraw(rig: Rig) -> tuple[dict[str, str], int]:
    """A quote that is withdrawn half a millisecond after the change of the board, and the time of the change."""
    quote = rig.ask("r1")
    rig.sleep(1)
    changed_ns = move(rig, 10)
    for slot in rig.handler.watchlist.entries:
        rig.handler.watchlist.table[slot, WATCH_CHANGE_NS] = changed_ns  # as the monitor does when it looks
    rig.sleep(0.5)
    assert len(rig.run_timers()) == 1
    return quote, changed_ns


def test_a_withdrawal_says_which_change_of_the_board_it_follows(rig):
    _, changed_ns = withdraw(rig)
    [cancel] = records(rig, J.KIND_CANCEL)
    assert cancel.board_change_ns == changed_ns == cancel.mono_ns - 500_000


def test_a_hit_on_a_withdrawn_quote_races_from_the_change_that_caused_it(rig):
    quote, changed_ns = withdraw(rig)
    rig.sleep(0.4)
    move(rig, -10)  # what the market does later makes no difference
    hit(rig, quote)
    [refused] = records(rig, J.KIND_HIT_REFUSED)
    assert refused.board_change_ns == changed_ns == refused.mono_ns - 900_000


def test_a_hit_that_crosses_the_withdrawal_races_from_that_change_too(rig):
    quote, changed_ns = withdraw(rig)
    hit(rig, quote, ago_ms=0.2)
    [fill] = records(rig, J.KIND_FILL)
    assert fill.board_change_ns == changed_ns == fill.mono_ns - 300_000


def test_a_hit_on_a_quote_that_the_desk_has_stopped_is_no_race(rig):
    quote = rig.ask("r1")
    with rig.handler.lock:
        rig.handler.withdraw_all(rig.wall_ns, rig.mono_ns)
    rig.drain_cancels()
    hit(rig, quote)
    [cancel, refused] = records(rig, J.KIND_CANCEL, J.KIND_HIT_REFUSED)
    assert cancel.board_change_ns == refused.board_change_ns == 0


def test_a_late_hit_is_no_race(rig):
    quote = rig.ask("r1")
    rig.sleep(60_000)
    move(rig, 10)
    hit(rig, quote)
    [refused] = records(rig, J.KIND_HIT_REFUSED)
    assert refused.board_change_ns == 0


def test_the_recorder_learns_both_times_from_the_journal(rig, tmp_path):
    withdraw(rig)
    filled = rig.ask("r2")
    rig.sleep(1)
    move(rig, 10)
    rig.sleep(0.9)
    hit(rig, filled)
    history = HistoryWriter(tmp_path / "history.sqlite")
    metrics = RecorderMetrics(tmp_path / "metrics-recorder", rig.config)
    recorder = Recorder(rig.config, history, rig.journal, RunPaths(tmp_path), metrics)
    recorder.step(rig.mono_ns, rig.wall_ns)
    history.close()
    row = recorder.statistics.rows[0]
    learnt = row[[C.S_WITHDRAWALS, C.S_LOG_LATENCY, C.S_REACTIONS, C.S_LOG_REACTION]].tolist()
    assert learnt == pytest.approx([1, math.log(0.5), 1, math.log(0.9)])


def test_decisions_use_the_assumed_race_until_the_recorder_has_measured_it(rig):
    rig.ask("r1")
    [quote] = records(rig, J.KIND_QUOTE)
    assumed = 0.5 * math.erfc(math.log(1.0 / 0.5) / math.hypot(0.5, 0.5) / math.sqrt(2))
    assert quote.contexts[1][S.CLIENT_RACE_LOST] == pytest.approx(assumed)
