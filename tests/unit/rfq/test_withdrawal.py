"""Withdrawal: which quotes are monitored, when one is withdrawn, and the answer to a hit that crosses it."""

import math
import queue
import threading

import msgspec
import numpy as np
import pytest

from quotelife.journal import layout as J
from quotelife.ledger.quote_state import OPEN, WITHDRAWN
from quotelife.market.board import layout as L
from quotelife.metrics.histogram import HISTOGRAM_WORDS
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.rfq import monitor
from quotelife.rfq import withdrawal as withdrawal_module
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.quote_margin import BID, OFFER, MonitorBuffers
from quotelife.rfq.withdrawal import QuoteMonitor
from quotelife.runtime.clock import NS_PER_MS, mono_ns
from quotelife_models import stopping as V
from quotelife_models.enums import MODELS
from quotelife_models.policy import pack
from tests.unit.rfq.rfq_rig import Rig, fields


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    for name in ("ORD", "FUND"):
        rig.handler.sessions[name].is_logged_on = True
    return rig


def cancels(rig: Rig) -> list[dict[str, str]]:
    """The fields of each message that is sent when the monitor reports every slot of the watchlist."""
    return [fields(text) for text in rig.run_timers()]


def hit(rig: Rig, quote: dict[str, str], response_id: str, ago_ns: int = 0) -> dict[str, str]:
    """The report on a hit that was received `ago_ns` ago and is processed now."""
    rig.mono_ns -= ago_ns
    rig.wall_ns -= ago_ns
    [report, *_] = rig.send("AJ", f"693={response_id}|117={quote['117']}|694=1")
    rig.mono_ns += ago_ns
    rig.wall_ns += ago_ns
    return report


@pytest.mark.parametrize(("side", "ticks"), [(1, 10), (2, -10)])
def test_quote_is_withdrawn_when_the_market_moves_through_it(rig, side, ticks):
    quote = rig.ask("r1", f"55=BTC-USD|54={side}|38=1.5")
    assert cancels(rig) == []
    rig.shift_book(ticks)
    rig.sleep(1)
    [cancel] = cancels(rig)
    assert (cancel["35"], cancel["117"], cancel["131"]) == ("Z", quote["117"], "r1")
    assert (cancel["298"], cancel["295"], cancel["55"], cancel["20003"]) == ("1", "1", "BTC-USD", "market_moved")
    assert cancels(rig) == [], "once"
    assert rig.region.values[rig.region.counter("quotelife_cancelled_total", reason="market_moved")] == 1
    last = list(rig.reader.read())[-1]
    assert (last.kind, last.quote_id) == (J.KIND_CANCEL, quote["117"])
    assert CANCEL_REASONS[last.outcome] == "market_moved"


def test_briefly_crossed_book_withdraws_nothing(rig):
    rig.ask("r1", "55=BTC-USD|54=1|38=1.5")
    words = rig.board.rows[0]
    words[L.VERSION] += 2
    words[L.ASK_PX] = words[L.BID_PX]
    words[L.TOP_SINCE_NS] = rig.mono_ns
    rig.sleep(20)
    assert cancels(rig) == []
    rig.sleep(40)
    [cancel] = cancels(rig)
    assert cancel["20003"] == "no_market"


def test_row_in_the_middle_of_a_write_withdraws_nothing(rig):
    rig.ask("r1", "55=BTC-USD|54=1|38=1.5")
    rig.board.rows[0, L.VERSION] += 1
    assert cancels(rig) == []


def test_favourable_move_withdraws_nothing(rig):
    rig.ask("r1", "55=BTC-USD|54=1|38=1.5")
    rig.shift_book(-10)
    assert cancels(rig) == []


def test_two_way_quote_is_withdrawn_for_either_side(rig):
    for n, ticks in enumerate((10, -20)):
        rig.ask(f"r{n}", "55=BTC-USD|38=1.5")
        rig.shift_book(ticks)
        assert len(cancels(rig)) == 1


def test_untrusted_book_withdraws_with_reason_no_market(rig):
    rig.ask("r1")
    rig.board.venues[:, L.V_STATE] = L.VENUE_DOWN
    [cancel] = cancels(rig)
    assert cancel["20003"] == "no_market"


def test_hit_that_crosses_the_withdrawal_is_judged_by_receipt_time(rig):
    """The first to reach the service counts, to the nanosecond, in whichever order the two are processed."""
    before, after = rig.ask("r1"), rig.ask("r2")
    rig.sleep(1)
    rig.shift_book(10)
    assert len(cancels(rig)) == 2
    assert hit(rig, before, "a", ago_ns=1)["39"] == "2"
    report = hit(rig, after, "b")
    assert (report["39"], report["103"]) == ("8", "8") and rig.state(after) == WITHDRAWN
    assert rig.region.values[rig.region.counter("quotelife_hits_total", outcome="withdrawn")] == 1
    kinds = {r.quote_id: r.kind for r in rig.reader.read()}
    assert kinds == {before["117"]: J.KIND_FILL, after["117"]: J.KIND_HIT_REFUSED}


def test_hit_received_in_time_and_processed_late_is_filled(rig):
    quote = rig.ask("r1")
    rig.sleep(12_000)
    rig.handler.expire(rig.mono_ns)
    assert hit(rig, quote, "a", ago_ns=11_999 * NS_PER_MS)["39"] == "2"


def test_filled_quote_is_not_monitored(rig):
    quote = rig.ask("r1")
    hit(rig, quote, "a")
    rig.shift_book(10)
    assert cancels(rig) == []
    assert rig.handler.watchlist.entries == {} and rig.handler.watchlist.highest[0] == 0


def test_expired_quotes_are_not_monitored(rig):
    for n in range(4):
        rig.ask(f"r{n}")
    assert rig.handler.watchlist.highest[0] == 4
    rig.sleep(60_000)
    rig.shift_book(10)
    assert cancels(rig) == []
    rig.handler.expire(rig.mono_ns)
    assert rig.handler.watchlist.entries == {} and rig.handler.watchlist.highest[0] == 0


def test_withdrawal_sends_nothing_to_a_session_that_is_logged_out(rig):
    quote = rig.ask("r1")
    rig.handler.sessions["ORD"].is_logged_on = False
    rig.shift_book(10)
    assert cancels(rig) == []
    assert hit(rig, quote, "a")["103"] == "8"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("side", ["54=1|", "54=2|", ""])
def test_stakes_are_those_of_the_decision_also_after_a_restart(rig, model, side):
    asked = rig.ask("r1", f"55=BTC-USD|{side}38=1.5|20001={model.upper()}", "FUND")
    [record] = [r for r in rig.reader.read() if r.kind == J.KIND_QUOTE]
    policy = pack(msgspec.structs.asdict(getattr(rig.config.models, model)) | {"withdrawal": 1.0})
    expected = np.zeros((2, V.STAKE_WORDS))
    for decided in record.sides:
        at = OFFER if decided.name == "offer" else BID
        V.fill_stake(record.model, policy, record.features.copy(), decided.context.copy(), expected[at])
    assert np.any(expected, axis=1).tolist() == [side != "54=2|", side != "54=1|"]

    def stakes() -> np.ndarray:
        return rig.handler.watchlist.stakes[rig.handler.open_quotes.find(asked["117"]).slot]

    assert np.array_equal(stakes(), expected)
    rig.sleep(1)
    assert rig.restart().open == 1
    assert np.array_equal(stakes(), expected)
    rig.handler.sessions["FUND"].is_logged_on = True
    assert cancels(rig) == []
    rig.shift_book(-20 if side == "54=2|" else 20)
    assert len(cancels(rig)) == 1


def test_multileg_has_its_stakes_after_a_restart(rig):
    given = ask_multileg(rig, side="")
    before = rig.handler.watchlist.stakes[0].copy()
    assert before[:, V.STAKE_LIMIT].min() > 0.0
    rig.restart()
    slot = rig.handler.open_quotes.find(given["117"]).slot
    assert np.array_equal(rig.handler.watchlist.stakes[slot], before)


def test_quote_that_is_expected_to_lose_is_withdrawn_before_the_market_reaches_it(rig):
    """Without a gain to come, any risk is too much; the cost of a withdrawal is what is paid for being rid of it."""
    quote = rig.ask("r1", "55=BTC-USD|54=1|38=1.5|20001=LIQUIDITY_PROVIDER", "FUND")
    stake = rig.handler.watchlist.stakes[0, OFFER]
    assert rig.look() == [] and rig.margin(quote["117"]) > 0.0
    stake[V.STAKE_EDGE_SHIFT] = -20.0
    stake[V.STAKE_LIMIT] = 1e6
    assert rig.margin(quote["117"]) > 0.0, "a withdrawal would cost more"
    stake[V.STAKE_LIMIT] = 0.0
    [cancel] = cancels(rig)
    assert cancel["20003"] == "market_moved"


def test_reused_slot_has_the_stakes_of_its_own_quote(rig):
    first = rig.ask("r1", "55=BTC-USD|54=1|38=1.5|20001=CLIENT_PRIORITY", "FUND")
    rig.handler.watchlist.stakes[0] = np.nan
    rig.send("Z", f"117={first['117']}|298=1", "FUND")
    rig.ask("r2", "55=BTC-USD|38=1.5|20001=RISK_AVERSE", "FUND")
    assert rig.handler.watchlist.stakes[0, :, V.STAKE_LIMIT].tolist() == [rig.config.models.risk_averse.epsilon] * 2


SPREAD = "555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2"  # in ticks of 0.01: 50 BTC-USD less 2 ETH-USD


def ask_multileg(rig: Rig, request_id: str = "p", side: str = "54=1|", legs: str = SPREAD) -> dict[str, str]:
    [given] = rig.send("R", f"131={request_id}|146=1|55=CAL|{side}38=1|{legs}|20001=CLIENT_PRIORITY", "FUND")
    assert given["35"] == "S", given
    return given


@pytest.mark.parametrize(
    ("side", "row", "ticks"), [("54=1|", 0, 10), ("54=1|", 1, -500), ("54=2|", 0, -10), ("54=2|", 1, 500), ("", 0, 10)]
)
def test_multileg_is_withdrawn_when_the_net_price_moves_through_it(rig, side, row, ticks):
    given = ask_multileg(rig, side=side)
    assert cancels(rig) == []
    rig.shift_book(ticks, row)
    rig.sleep(1)
    [cancel] = cancels(rig)
    assert (cancel["35"], cancel["117"], cancel["55"], cancel["20003"]) == ("Z", given["117"], "CAL", "market_moved")
    assert cancels(rig) == [], "once"
    last = list(rig.reader.read())[-1]
    assert (last.kind, last.row, last.quote_id) == (J.KIND_CANCEL, -1, given["117"])


def test_offsetting_moves_of_legs_withdraw_nothing(rig):
    """One tick of BTC-USD is worth 25 of two ETH-USD."""
    ask_multileg(rig)
    rig.shift_book(10)
    rig.shift_book(250, row=1)
    rig.sleep(1)
    assert cancels(rig) == []
    rig.shift_book(-250, row=1)
    rig.sleep(1)
    assert len(cancels(rig)) == 1


@pytest.mark.parametrize("row", [0, 1])
def test_untrusted_book_of_one_leg_withdraws_the_multileg(rig, row):
    ask_multileg(rig)
    rig.board.rows[row, L.STATE] = L.BOOK_GAP
    [cancel] = cancels(rig)
    assert cancel["20003"] == "no_market"


def test_briefly_crossed_leg_withdraws_nothing(rig):
    ask_multileg(rig)
    words = rig.board.rows[1]
    words[L.VERSION] += 2
    words[L.ASK_PX] = words[L.BID_PX]
    words[L.TOP_SINCE_NS] = rig.mono_ns
    rig.sleep(20)
    assert cancels(rig) == []
    rig.board.rows[0, L.STATE] = L.BOOK_GAP
    assert len(cancels(rig)) == 1, "although the other leg may recover"


@pytest.mark.parametrize(("side", "moved"), [(1, 3), (1, 9), (2, -3), (2, 9)])
def test_multileg_of_one_leg_has_the_margin_of_the_instrument(rig, side, moved):
    alone = rig.ask("a", f"55=BTC-USD|54={side}|38=1|20001=CLIENT_PRIORITY", "FUND")
    packed = ask_multileg(rig, side=f"54={side}|", legs="555=1|600=BTC-USD|624=1")
    rig.shift_book(moved)
    rig.sleep(1)
    one, other = (rig.margin(quote["117"]) for quote in (alone, packed))
    assert other == pytest.approx(one, abs=1e-12) and math.isfinite(one)


def test_nothing_is_monitored_when_withdrawal_is_disabled(rig):
    rig.handler.watchlist._policy = type(rig.config.withdrawal)(enabled=False)
    rig.ask("r1")
    assert rig.handler.watchlist.entries == {}


def test_watchlist_grows_when_it_is_full(rig, monkeypatch):
    watchlist = rig.handler.watchlist
    watchlist._free = [0]
    watchlist.table, watchlist.legs = watchlist.table[:1].copy(), watchlist.legs[:1].copy()
    watchlist.stakes = watchlist.stakes[:1].copy()
    watchlist._memory = watchlist.table.data.cast("B")
    for n in range(5):
        rig.ask(f"r{n}")
    assert len(watchlist.entries) == 5 and watchlist.highest[0] == 5
    assert len(watchlist.table) == len(watchlist.legs) == len(watchlist.stakes) == 8
    assert np.all(watchlist.stakes[:5, OFFER] == watchlist.stakes[0, OFFER])
    rig.shift_book(10)
    assert len(cancels(rig)) == 5


def monitored(
    rig: Rig, call_ns: int = 0, period_ns: int = 20_000, buffers: MonitorBuffers | None = None
) -> list[list[int]]:
    """What the kernel finds within `call_ns`, at its first look without."""
    board, watchlist, quoter = rig.board, rig.handler.watchlist, rig.handler.quoter
    found = np.zeros((monitor.MAX_FOUND, monitor.FOUND_WORDS), np.int64)
    n = monitor.watch(
        board.header, board.venues, board.rows, watchlist.table, watchlist.legs, watchlist.stakes, watchlist.highest,
        quoter.table, quoter.policies, period_ns, call_ns, np.zeros(3, np.int64), found,
        *(buffers or MonitorBuffers.of(len(board.rows))),
    )  # fmt: skip
    return found[:n].tolist()


def slots(found: list[list[int]]) -> list[int]:
    return [slot for slot, _, _ in found]


def now(rig: Rig) -> None:
    """Bring the test's clock to the machine's, which the kernel reads."""
    rig.sleep(max(mono_ns() - rig.mono_ns, 0) / NS_PER_MS)


def test_kernel_reports_a_moved_quote_once_per_change(rig):
    rig.ask("r0", "55=ETH-USD|38=7|54=1")
    rig.ask("r1", "55=BTC-USD|38=1.5|54=1")
    assert rig.look() == []
    rig.shift_book(10)
    assert slots(rig.look()) == [1]
    assert rig.look() == [], "not before its row changes again"
    rig.shift_book(1)
    assert slots(rig.look()) == [1]


def test_kernel_reports_a_multileg_by_any_of_its_legs(rig):
    ask_multileg(rig)
    rig.ask("r1", "55=BTC-USD|38=1.5|54=2")
    assert rig.look() == []
    rig.shift_book(1, row=1)
    assert rig.look() == []
    rig.shift_book(-500, row=1)
    assert slots(rig.look()) == [0]
    assert rig.look() == [], "until one of its rows changes again"
    rig.shift_book(1)
    rig.sleep(30)
    assert slots(rig.look()) == [0]


def test_quote_of_a_quiet_row_is_evaluated_every_20_ms_and_withdrawn_for_no_change(rig):
    quote = rig.handler.open_quotes.find(rig.ask("r1", "55=BTC-USD|54=1|38=1.5")["117"])
    assert rig.look() == []
    rig.handler.watchlist.stakes[0, OFFER, V.STAKE_EDGE_SHIFT] = -1e6
    rig.sleep(19)
    assert rig.look() == []
    rig.sleep(1)
    found = rig.look()
    assert slots(found) == [0]
    assert rig.look() == [], "not again at once"
    assert len(rig.handler.on_found(found, rig.wall_ns, rig.mono_ns)) == 1
    assert quote.state == WITHDRAWN and quote.board_change_ns == 0


def test_kernel_reports_a_quote_of_a_silent_venue(rig):
    now(rig)
    rig.ask("r0")
    assert monitored(rig) == []
    rig.board.venues[:, L.V_LAST_RECEIVED_NS] -= 60_000 * NS_PER_MS
    assert slots(monitored(rig)) == [0]


def test_kernel_reports_due_timers(rig):
    now(rig)
    slot = rig.handler.watchlist.add_timer(mono_ns() + 2 * NS_PER_MS, "entry")
    assert monitored(rig) == []
    assert slots(monitored(rig, call_ns=10_000 * NS_PER_MS)) == [slot]
    rig.handler.watchlist.drop(slot)
    assert monitored(rig) == []


def test_kernel_reports_all_quotes_of_a_move_at_once_and_before_timers(rig):
    rig.handler.watchlist.add_timer(rig.mono_ns, "entry")
    quotes = [rig.ask(f"r{n}") for n in range(5)]
    rig.shift_book(10)
    found = rig.look()
    assert slots(found) == [rig.handler.open_quotes.find(quote["117"]).slot for quote in quotes]
    sent = [fields(o.messages[0])["117"] for o in rig.handler.on_found(found, rig.wall_ns, rig.mono_ns)]
    assert sent == [quote["117"] for quote in quotes]
    assert slots(rig.look()) == [0], "the timer"


def test_what_the_monitor_found_is_ignored_if_the_slot_has_been_reused(rig):
    first = rig.ask("r0")
    rig.shift_book(10)
    found = rig.look()
    rig.send("Z", f"117={first['117']}|298=1")
    second = rig.ask("r1")
    assert slots(found) == [rig.handler.open_quotes.find(second["117"]).slot]
    assert rig.handler.on_found(found, rig.wall_ns, rig.mono_ns) == [] and rig.state(second) == OPEN


def test_kernel_looks_at_most_once_a_period_however_often_the_board_changes(rig):
    now(rig)
    rig.ask("r0")
    period_ns, call_ns, done = 5 * NS_PER_MS, 100 * NS_PER_MS, threading.Event()

    def change() -> None:
        while not done.is_set():
            rig.board.announce()

    changing = threading.Thread(target=change)
    changing.start()
    buffers = MonitorBuffers.of(len(rig.board.rows))
    assert monitored(rig, call_ns, period_ns, buffers) == []
    done.set()
    changing.join()
    assert 2 <= buffers.looks[0] <= call_ns // period_ns + 2


def test_withdrawal_is_timed_from_the_market_data_or_the_quote_to_the_sent_cancel(rig):
    def withdraw() -> OpenQuote:
        rig.shift_book(10)
        now(rig)
        [outcome] = rig.handler.on_found(monitored(rig), rig.wall_ns, rig.mono_ns)
        rig.handler.apply(outcome, outcome.received_ns + 70_000)
        [event] = outcome.events
        return event.quote

    now(rig)
    rig.ask("r0")
    rig.board.rows[0, L.LAST_EVENT_NS] = changed_ns = rig.mono_ns + 5
    first = withdraw()
    assert first.board_change_ns == changed_ns
    rig.ask("r1")
    second = withdraw()
    assert second.board_change_ns == second.issued_ns > changed_ns, "the quote came after the market data"
    histogram = rig.region.histogram("quotelife_withdrawal_seconds")
    took_ns = first.ended_ns - changed_ns + second.ended_ns - second.issued_ns + 2 * 70_000
    assert rig.region.values[histogram] == took_ns
    assert rig.region.values[histogram + 1 : histogram + HISTOGRAM_WORDS].sum() == 2


def test_withdrawal_without_market_data_is_not_timed(rig):
    rig.ask("r0")
    rig.board.venues[:, L.V_STATE] = L.VENUE_DOWN
    [outcome] = rig.handler.on_found(rig.look(), rig.wall_ns, rig.mono_ns)
    rig.handler.apply(outcome, rig.mono_ns)
    assert outcome.events[0].quote.board_change_ns == 0
    histogram = rig.region.histogram("quotelife_withdrawal_seconds")
    assert rig.region.values[histogram : histogram + HISTOGRAM_WORDS].sum() == 0


def running_monitor(rig: Rig, on_found) -> QuoteMonitor:
    handler = rig.handler
    running = QuoteMonitor(handler.quoter, handler.watchlist, 20, on_found, handler.metrics.set_withdrawal_processor_ns)
    running.start()
    return running


def test_monitor_finds_a_change_of_the_board_and_reports_its_processor_time(rig):
    now(rig)
    received: queue.Queue[list[int]] = queue.Queue()

    def on_found(found: list[list[int]]) -> None:
        for slot in slots(found):
            rig.handler.watchlist.drop(slot)
        received.put(slots(found))

    running = running_monitor(rig, on_found)
    for n in range(3):
        rig.ask(f"r{n}")
        now(rig)
        rig.shift_book(10)
        rig.board.announce()
        assert received.get(timeout=20) == [0]
    running.stop()
    assert rig.region.values[rig.region.counter("quotelife_withdrawal_processor_seconds_total")] > 0


def test_monitor_does_not_look_without_open_quotes(rig):
    running = running_monitor(rig, lambda found: None)
    while rig.handler.watchlist.has_entries.is_set():
        rig.board.announce()
    for _ in range(1_000):
        rig.board.announce()
    running.stop()
    assert running._memory.looks[0] == 0


def test_monitor_survives_a_failing_callback_and_stops(rig, caplog):
    now(rig)
    called = threading.Event()
    due: list[int] = []

    def on_found(found: list[list[int]]) -> None:
        due.extend(slots(found))
        rig.handler.watchlist.drop(found[0][monitor.FOUND_SLOT])
        called.set()
        raise RuntimeError("the next one is reported all the same")

    running = running_monitor(rig, on_found)
    for _ in range(2):
        called.clear()
        with rig.handler.lock:
            rig.handler.watchlist.add_timer(mono_ns(), "entry")
        assert called.wait(10)
    running.stop()
    assert due == [0, 0] and "the next one" in caplog.text
    assert withdrawal_module._CALL_NS <= 100 * NS_PER_MS, "a stop must not take long"
