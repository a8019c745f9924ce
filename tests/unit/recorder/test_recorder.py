"""The recorder on a real journal and a real board: it stores, resumes and publishes."""

import math
from math import nan

import numpy as np
import pytest

from quotelife.config import Client, Config, Instrument, Venue
from quotelife.config.client_sections import Tiers, TierTerms
from quotelife.config.paths import RunPaths
from quotelife.decision.refusal import REFUSALS
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.journal.ring import Writer
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_region import ClientRegionReader
from quotelife.ledger.history import HistoryReader
from quotelife.ledger.quote_state import EXPIRED, FILLED, OPEN, PASSED, REFUSED, WITHDRAWN
from quotelife.market.board import layout as B
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.levels import Books, clear, set_level
from quotelife.market.features import update
from quotelife.metrics.labels import CANCEL_REASONS, HIT_OUTCOMES, PASS_KINDS
from quotelife.metrics.region import MetricsRegion
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.recorder import EXPIRED_AFTER_NS, Recorder
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns, wall_ns
from quotelife_models import decide as D
from quotelife_models import schema as S

HASH = 0x1122334455667788
RESPONSE_NS = 30 * NS_PER_MS


class Rig:
    """A journal, a board and recorders over them, one after the other."""

    def __init__(self, folder):
        self.folder = folder
        self.t0_ns = wall_ns()  # of the quotes; estimates decay with time, also with that since the import
        terms = TierTerms(fill_rate=0.5, response_ms=100.0, response_cv=0.5, informed_share=0.2, weight=1.0)
        self.config = Config(
            venue=[Venue(name="V", port=1, sender_comp_id="A", target_comp_id="B")],
            instrument=[Instrument(symbol=s, tick="1", lot="1", venue="V") for s in ("X", "Y")],
            client=[
                Client(name="Fund", sessions=["F1", "F2"], tier="strategic"),
                Client(name="Desk", sessions=["D1"]),
            ],
            tier=Tiers(strategic=terms, ordinary=terms),
        )
        self.writer = Writer(folder / "journal", 64)
        self.started_ns = mono_ns() - 20 * NS_PER_S
        self.board = Board.create(folder / "board", 2, self.started_ns)
        for row in range(2):
            initialise_row(self.board, row, venue=0, tick_size=1.0)
        self.board.venues[0, B.V_STATE] = B.VENUE_UP
        self.books = Books(2, 4)
        self.reader = HistoryReader(folder / "history.sqlite")
        self.recorder = None
        self.restart()

    def restart(self, commit=True):
        """Stop the recorder, with or without a last step, and start another."""
        if self.recorder is not None:
            if commit:
                self.step()
            self.history.close()
        self.history = HistoryWriter(self.folder / "history.sqlite")
        self.metrics = RecorderMetrics(self.folder / "metrics-recorder", self.config)
        self.recorder = Recorder(
            self.config, self.history, self.folder / "journal", RunPaths(self.folder), self.metrics
        )
        self.recorder.resume(mono_ns(), wall_ns())

    def step(self, now_ns=None, now_wall_ns=None):
        self.recorder.step(now_ns or mono_ns(), now_wall_ns or wall_ns())

    def close(self):
        self.history.close()
        self.reader.close()

    def book(self, row, now_ns, bid, ask):
        clear(self.books.n, row)
        set_level(self.books.px, self.books.sz, self.books.cnt, self.books.n, row, 0, bid, 10)
        set_level(self.books.px, self.books.sz, self.books.cnt, self.books.n, row, 1, ask, 10)
        update.publish(self.board.rows, row, now_ns, 0, self.books.px, self.books.sz, self.books.n, 1, 1, 0, 0)
        self.board.beat(now_ns)
        self.board.venues[0, B.V_LAST_RECEIVED_NS] = now_ns

    # --- written by the quoting process

    def quote(
        self, n, *, client=0, legs=1, valid_ns=3600 * NS_PER_S, two_way=False, stream=None, given_ns=None,
        quoted_mono_ns=0,
    ):  # fmt: skip
        record = self._record(J.KIND_QUOTE, n, client)
        record.outcome = 0 if stream is None else J.SUBSCRIBED
        record.model, record.side = 1, 0 if two_way else 1
        record.offer_ticks, record.quantity_lots = 104, 7
        record.wall_ns, record.mono_ns = given_ns or self.t0_ns, quoted_mono_ns
        record.lifetime_ns, record.valid_until_ns = valid_ns, record.wall_ns + valid_ns
        if legs > 1:
            record.row = -1
        for side in (0, 1) if two_way else (1,):
            context, decision = record.contexts[side], record.decisions[side]
            context[S.SIDE], context[S.LEGS] = 2 * side - 1, legs
            context[S.CLIENT_RESPONSE], context[S.CLIENT_RESPONSE_CV] = 100.0, 0.5
            decision[D.OUT_LIFETIME_NS] = valid_ns * (1 + side)
            decision[D.OUT_REASON] = 2 + side
            decision[D.OUT_P_PICK_OFF] = 0.01 * (1 + side)
        record.request_id = stream or f"r{n}"
        self.writer.append(record)

    def leg(self, n, row, weight):
        record = self._record(J.KIND_LEG, n, 0)
        record.row, record.leg_weight, record.side = row, weight, 1 if weight > 0 else 2
        record.request_id = "SPREAD"
        self.writer.append(record)

    def reject(self, reason, client=0):
        record = self._record(J.KIND_REJECT, None, client)
        record.model = -1
        record.outcome = REFUSALS.index(reason)
        record.request_id = "r"
        self.writer.append(record)

    def hit(self, n, outcome="filled", *, client=0, row=0, side=1, price=104, received_ns=None, change_ns=0):
        record = self._record(J.KIND_FILL if outcome == "filled" else J.KIND_HIT_REFUSED, n, client)
        record.outcome = HIT_OUTCOMES.index(outcome)
        record.mono_ns = mono_ns() if received_ns is None else received_ns
        record.wall_ns = wall_ns() - (mono_ns() - record.mono_ns)
        record.row, record.side, record.quantity_lots = row, side, 7
        record.bid_ticks, record.offer_ticks = (0, price) if side == 1 else (price, 0)
        record.lifetime_ns, record.board_change_ns = RESPONSE_NS, change_ns
        record.request_id = f"x{n}"
        self.writer.append(record)

    def end(self, n, kind, outcome=0, at_ns=None, latency_ns=None):
        record = self._record(kind, n, 0)
        record.wall_ns, record.mono_ns = at_ns or self.t0_ns, mono_ns()
        if latency_ns is not None:
            record.board_change_ns = record.mono_ns - latency_ns
        record.outcome = outcome
        self.writer.append(record)

    def ended_by_client(self, n, kind, price=nan, side=1):
        record = self._record(J.KIND_PASS, n, 0)
        record.outcome, record.side, record.elsewhere_ticks = PASS_KINDS.index(kind), side, price
        record.request_id = f"end{n}"
        self.writer.append(record)

    def _record(self, kind, n, client):
        record = Record()
        record.kind, record.client, record.wall_ns, record.words[J.PARAMETERS] = kind, client, self.t0_ns, HASH
        record.session = 2
        if n is not None:
            record.quote_id = f"Q{n}"
        return record

    def metric(self, name, **labels):
        region = MetricsRegion.attach(self.folder / "metrics-recorder")
        word = region.counter if name.endswith("_total") else region.gauge
        return int(region.values[word(name, **labels)])

    def row(self, client=0):
        published = ClientRegionReader.attach(self.folder / "clients", ["Fund", "Desk"])
        return dict(published.changes())[client]


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_quotes_and_refusals_are_stored(rig):
    rig.quote(1)
    rig.quote(2, two_way=True, client=1)
    rig.reject("stale_book")
    rig.step()
    quote = rig.reader.quote("Q1")
    assert quote[1:] == (
        "Q1", "r1", "F2", "Fund", "X", 1, 0, 104, 7, 1, "risk_averse", "risk_bound_in_shock", 3600 * NS_PER_S,
        rig.t0_ns, rig.t0_ns + 3600 * NS_PER_S, 0.0, 0.02, "8877665544332211", OPEN, None, None,
    )  # fmt: skip
    two_way = rig.reader.quote("Q2")
    assert (two_way.reason, two_way.p_pick_off, two_way.client) == ("risk_bound", 0.02, "Desk"), "of the decisive side"
    assert rig.reader.record("Q2").model == 1
    refused = rig.history._db.execute("SELECT quote_id, reason, state, model, record FROM quotes WHERE number = 3")
    assert refused.fetchone() == (None, "stale_book", REFUSED, None, None)
    assert rig.row()[[L.REQUESTS, L.QUOTES]].tolist() == [2, 1]
    assert rig.metric("quotelife_journal_records_total", kind="quote") == 2


def test_final_states_of_quotes(rig):
    for n in range(5):
        rig.quote(n)
    rig.quote(5, valid_ns=NS_PER_MS)
    rig.hit(0)
    rig.end(1, J.KIND_CANCEL, CANCEL_REASONS.index("no_market"))
    rig.end(2, J.KIND_PASS)
    rig.hit(3, "refused")
    rig.end(4, J.KIND_CANCEL, 99)
    rig.step(None, rig.t0_ns + EXPIRED_AFTER_NS + NS_PER_S)
    found = [rig.reader.quote(f"Q{n}") for n in range(6)]
    assert [(q.state, q.because) for q in found] == [
        (FILLED, None),
        (WITHDRAWN, "no_market"),
        (PASSED, None),
        (OPEN, None),
        (WITHDRAWN, "unknown"),
        (EXPIRED, None),
    ]
    (hit,) = rig.reader.hits("Q3")
    assert (hit.outcome, hit.response_id, hit.response_ns, hit.unmarked) == ("refused", "x3", RESPONSE_NS, 0)
    assert rig.row()[[L.FILLED, L.REFUSED, L.PASSED]].tolist() == [1, 1, 1]


def test_a_restart_continues_where_it_stopped_and_stores_nothing_twice(rig):
    rig.quote(1)
    rig.hit(1)
    rig.step()
    rig.quote(2)
    rig.reject("halted")
    rig.restart(commit=False)
    rig.quote(3)
    rig.step()
    assert [q.quote_id for q in rig.reader.newest(10)] == ["Q3", "Q2", "Q1"]
    assert rig.history._db.execute("SELECT count(*) FROM quotes").fetchone() == (4,)
    assert rig.row()[[L.REQUESTS, L.QUOTES, L.FILLED]].tolist() == [4, 3, 1]
    rig.restart()
    assert rig.row()[[L.REQUESTS, L.QUOTES, L.FILLED]].tolist() == [4, 3, 1], "published at the start"


def test_overwritten_records_are_counted(rig):
    rig.quote(0)
    rig.step()
    for n in range(1, 101):
        rig.quote(n)
    rig.step()
    stored = rig.metric("quotelife_journal_records_total", kind="quote")
    lost = rig.metric("quotelife_journal_lost_total")
    assert stored + lost == 101 and 63 <= stored <= 65
    assert rig.metric("quotelife_journal_lag_records") == 100
    assert rig.reader.newest(1)[0].quote_id == "Q100"


def test_a_replaced_journal_is_read_to_its_end_first(rig):
    rig.quote(1)
    rig.step()
    rig.quote(2)
    rig.writer = Writer(rig.folder / "journal", 32)
    rig.quote(3)
    rig.step()
    rig.quote(4)
    rig.restart()
    rig.quote(5)
    rig.step()
    assert [q.quote_id for q in rig.reader.newest(10)] == ["Q5", "Q4", "Q3", "Q2", "Q1"]


def test_a_missing_journal_is_awaited(rig):
    (rig.folder / "journal").rename(rig.folder / "elsewhere")
    rig.restart()
    rig.step()
    (rig.folder / "elsewhere").rename(rig.folder / "journal")
    rig.quote(1)
    rig.step()
    assert rig.reader.quote("Q1") is not None


def test_markouts_of_fills_update_the_client(rig):
    # Polled so late that only the slow ring covers the moment: the mid is known at its boundaries.
    received_ns = (mono_ns() - 11 * NS_PER_S) // B.SLOW_NS * B.SLOW_NS
    rig.book(0, rig.started_ns, 101, 103)
    rig.book(0, received_ns + 50 * NS_PER_MS, 102, 104)
    rig.book(0, received_ns + 500 * NS_PER_MS, 105, 107)
    rig.book(0, received_ns + 5 * NS_PER_S, 100, 102)
    rig.board.beat(mono_ns())
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = mono_ns()
    rig.quote(1)
    rig.hit(1, received_ns=received_ns)
    rig.step()
    (hit,) = rig.reader.hits("Q1")
    assert (hit.edge_ticks, hit.markout_100ms, hit.markout_1s, hit.markout_10s) == (2.0, 1.0, 4.0, -1.0)
    assert hit.unmarked == 0
    row = rig.row()
    assert row[[L.TOXICITY, L.INFORMED_SHARE]].tolist() == pytest.approx([4.0 / 2, (0.2 + 1) / 2])
    assert rig.metric("quotelife_markouts_total", tier="strategic", horizon="1s") == 1
    ticks = {
        d: rig.metric("quotelife_markout_ticks_total", tier="strategic", horizon="1s", direction=d)
        for d in ("against_desk", "for_desk")
    }
    assert ticks == {"against_desk": 8, "for_desk": 0}, "in half ticks"
    assert rig.metric("quotelife_fills_total", tier="strategic") == 1
    assert rig.metric("quotelife_pick_offs_total", tier="strategic") == 0


def test_a_fill_with_a_negative_edge_is_a_pick_off(rig):
    rig.book(0, rig.started_ns, 101, 103)
    received_ns = mono_ns()
    rig.board.beat(received_ns + NS_PER_S)
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = received_ns + NS_PER_S
    for n, price in enumerate((101, 102, 103), 1):  # the client buys, the mid is 102
        rig.quote(n)
        rig.hit(n, price=price, received_ns=received_ns)
    rig.step(received_ns + NS_PER_S)
    assert [rig.reader.hits(f"Q{n}")[0].edge_ticks for n in (1, 2, 3)] == [-1.0, 0.0, 1.0]
    assert rig.metric("quotelife_fills_total", tier="strategic") == 3
    assert rig.metric("quotelife_pick_offs_total", tier="strategic") == 1


def test_markouts_continue_after_a_restart(rig):
    rig.book(1, rig.started_ns, 101, 103)
    received_ns = mono_ns()
    rig.board.beat(received_ns + 11 * NS_PER_S)
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = received_ns + 11 * NS_PER_S
    rig.quote(1)
    rig.hit(1, row=1, side=2, price=100, received_ns=received_ns)
    rig.step(received_ns + 150 * NS_PER_MS)
    assert rig.reader.hits("Q1")[0].markout_100ms == 0.0
    rig.restart(commit=False)
    rig.step(received_ns + 11 * NS_PER_S)
    (hit,) = rig.reader.hits("Q1")
    assert (hit.edge_ticks, hit.markout_100ms, hit.markout_1s, hit.markout_10s) == (2.0, 0.0, 0.0, 0.0)
    assert rig.row()[L.S_MARKOUTS : L.S_MARKOUTS + 3].tolist() == pytest.approx([1, 1, 1], abs=0.01)


def test_fills_without_markouts_are_counted(rig):
    rig.quote(1)
    rig.quote(2, legs=3)
    rig.hit(1, received_ns=mono_ns() - NS_PER_S)
    rig.hit(2, row=-1, received_ns=mono_ns() - NS_PER_S)
    rig.step()
    first, legs = rig.reader.hits("Q1") + rig.reader.hits("Q2")
    assert first.unmarked == legs.unmarked == 0
    assert first.edge_ticks is None and legs.edge_ticks is None
    assert rig.metric("quotelife_markouts_unknown_total") == 1
    rig.hit(1)
    rig.step()
    rig.history._db.execute("UPDATE hits SET wall_ns = wall_ns - 60000000000 WHERE unmarked = 1")
    rig.restart()
    assert rig.metric("quotelife_markouts_unknown_total") == 1
    rig.step()
    assert rig.history.hits_without_markouts() == []


def test_estimates_are_published_in_shared_memory(rig):
    at_once_ns = mono_ns() - (wall_ns() - rig.t0_ns)
    for n in range(9):
        rig.quote(n)
    for n in range(3):
        rig.hit(n, received_ns=at_once_ns)
    rig.hit(4, "late")
    for n in range(3, 7):
        rig.end(n, J.KIND_CANCEL, CANCEL_REASONS.index("market_moved"), rig.t0_ns + 10 * NS_PER_S)
    rig.step()
    row = rig.row()
    once = -math.log(1 - 0.5) / 0.5  # with the configured rate; the hits were immediate
    assert row[L.FILL_RATE] == pytest.approx((0.5 + 3) / (1 + 4 * once), rel=0.02), "two are still open"
    assert row[L.RESPONSE_MS] == pytest.approx((100 + 4 * 30) / 5, rel=1e-3)
    untouched = rig.row(1)
    assert untouched[L.FILL_RATE] == 0.5 and np.count_nonzero(untouched[L.REQUESTS : L.S_EXPOSURE]) == 0


ONCE = -math.log(1 - 0.5) / 0.5  # exposure of a request without a time limit, at the configured rate of one half


def exposure(rig):
    return float(rig.row()[L.S_EXPOSURE])


@pytest.mark.parametrize(
    ("reason", "open_ms", "counted"),
    [
        ("market_moved", 0, 0.0),
        ("market_moved", 10_000, ONCE),
        ("session_ended", 1, 0.0),
        ("replaced", 10_000, ONCE),
        ("cancelled_by_client", 0, ONCE),
        (None, 0, ONCE),
    ],
)
def test_exposure_follows_the_time_a_quote_was_open(rig, reason, open_ms, counted):
    """A quote of an hour to a client that answers in 100 ms. Without a reason it is passed, which is like a cancel."""
    rig.quote(1)
    at_ns = rig.t0_ns + open_ms * NS_PER_MS
    if reason is None:
        rig.end(1, J.KIND_PASS, at_ns=at_ns)
    else:
        rig.end(1, J.KIND_CANCEL, CANCEL_REASONS.index(reason), at_ns)
    rig.step()
    assert exposure(rig) == pytest.approx(counted, abs=0.01)


@pytest.mark.parametrize("by", ["expiry", "withdrawal"])
def test_the_quotes_of_a_subscription_are_exposed_once(rig, by):
    """Forty quotes of 50 ms each under one QuoteReqID: two seconds for a client that answers in 100 ms."""
    t_ns = rig.t0_ns - 10 * NS_PER_S
    for n in range(40):
        rig.quote(n, stream="s", given_ns=t_ns, valid_ns=50 * NS_PER_MS if by == "expiry" else NS_PER_S)
        t_ns += 50 * NS_PER_MS
        if by == "withdrawal":
            rig.end(n, J.KIND_CANCEL, CANCEL_REASONS.index("market_moved"), t_ns)
    rig.step()
    assert exposure(rig) == pytest.approx(ONCE, abs=0.01)
    rig.quote(41, stream="s", given_ns=t_ns, valid_ns=NS_PER_S)
    rig.hit(41)
    rig.step()
    assert exposure(rig) == pytest.approx(ONCE, abs=0.01), "exposed once, although quoted forty times"
    for n in range(50, 90):
        rig.quote(n, given_ns=t_ns, valid_ns=50 * NS_PER_MS)
    rig.step()
    assert exposure(rig) > 3 * ONCE, "separate requests count each"
    assert len(rig.recorder._exposures._subscriptions) <= 1, "nothing of them is stored"


def test_open_quotes_continue_after_a_restart(rig):
    rig.quote(1)
    rig.step()
    rig.restart(commit=False)
    rig.end(1, J.KIND_CANCEL, 0, rig.t0_ns + 10 * NS_PER_S)
    rig.step()
    assert exposure(rig) == pytest.approx(ONCE, abs=0.01)
    rig.restart()
    assert exposure(rig) == pytest.approx(ONCE, abs=0.01), "once"


@pytest.mark.parametrize("restarted", [False, True])
def test_markouts_of_a_multileg_use_the_net_of_its_legs(rig, restarted):
    """Two X minus one Y: the mid goes from 2 * 102 - 201 = 3 to 2 * 103 - 201 = 5 and 2 * 103 - 191 = 15."""
    received_ns = (mono_ns() - 11 * NS_PER_S) // B.SLOW_NS * B.SLOW_NS
    rig.book(0, rig.started_ns, 101, 103)
    rig.book(1, rig.started_ns, 200, 202)
    rig.book(0, received_ns + 50 * NS_PER_MS, 102, 104)
    rig.book(1, received_ns + 500 * NS_PER_MS, 190, 192)
    rig.board.beat(mono_ns())
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = mono_ns()
    rig.leg(1, 0, 2)
    rig.leg(1, 1, -1)
    rig.quote(1, legs=2)
    if restarted:
        rig.restart()
    rig.hit(1, row=-1, price=8, received_ns=received_ns)
    rig.step()
    (hit,) = rig.reader.hits("Q1")
    assert (hit.edge_ticks, hit.markout_100ms, hit.markout_1s, hit.markout_10s) == (5.0, 2.0, 12.0, 12.0)
    assert rig.row()[L.S_THROUGH] == pytest.approx(1.0, abs=0.01)


def test_a_multileg_without_the_mid_of_a_leg_has_no_markout(rig):
    received_ns = mono_ns() - NS_PER_S
    rig.book(0, rig.started_ns, 101, 103)
    rig.board.beat(mono_ns())
    rig.board.venues[0, B.V_LAST_RECEIVED_NS] = mono_ns()
    rig.leg(1, 0, 2)
    rig.leg(1, 1, -1)
    rig.quote(1, legs=2)
    rig.hit(1, row=-1, price=8, received_ns=received_ns)
    rig.step()
    assert rig.reader.hits("Q1")[0].edge_ticks is None
    assert rig.metric("quotelife_markouts_unknown_total") == 1


def test_endings_are_stored_and_teach_the_chance_of_winning(rig):
    """Two fills and three quotes lost, by one client; its fill rate is configured as a half, with weight one."""
    for n, kind in enumerate(("done_away", "cover", "tied", "timed_out", "passed")):
        rig.quote(n)
        rig.ended_by_client(n, kind, 103.5 if kind == "cover" else nan)
    for n in (7, 8):
        rig.quote(n)
        rig.hit(n)
    rig.step()
    assert rig.row()[L.PASSED] == 5
    assert rig.row()[L.WIN_SHARE] == pytest.approx((0.5 + 2) / (1 + 2 + 3), rel=1e-3)
    assert rig.metric("quotelife_client_win_ratio", client="Fund") / 1e9 == pytest.approx(2.5 / 6, rel=1e-3)
    assert rig.row(1)[L.WIN_SHARE] == 0.5, "nothing is known of the other client"
    stored = rig.history._db.execute("SELECT quote_id, response_id, kind, side, elsewhere_ticks FROM passes").fetchall()
    assert stored[0] == ("Q0", "end0", "done_away", 1, None)
    assert stored[1] == ("Q1", "end1", "cover", 1, 103.5) and len(stored) == 5
    states = [(quote.state, quote.because) for quote in map(rig.reader.quote, ("Q0", "Q3", "Q4"))]
    assert states == [(PASSED, "done_away"), (PASSED, "timed_out"), (PASSED, None)]
