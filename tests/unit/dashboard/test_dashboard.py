"""The view for the desk page and the terminal, from a real journal, board and metrics."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from rich.console import Console

from quotelife.config import Venue
from quotelife.config.paths import RunPaths
from quotelife.controls.store import ControlsStore
from quotelife.dashboard.broadcaster import EventBroadcaster
from quotelife.dashboard.market import MarketView
from quotelife.dashboard.quote_events import Batch, QuoteEventReader
from quotelife.dashboard.service_status import StatusReader
from quotelife.dashboard.top import TerminalView
from quotelife.market.board import layout as L
from quotelife.marketdata.process import make_board
from quotelife.parameters.active import ActiveTable
from quotelife.runtime.clock import NS_PER_S, wall_ns
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.wall_ns = wall_ns()  # open quotes are shown relative to the real clock
    rig.handler.on_logon("ORD")
    return rig


@pytest.fixture
def quote_events(rig):
    return QuoteEventReader(rig.config, rig.journal)


@pytest.fixture
def market(rig, tmp_path):
    run, paths = RunPaths(tmp_path), msgspec.structs.replace(rig.config.paths, data="data", parameters="parameters")
    config = msgspec.structs.replace(rig.config, paths=paths)
    controls = ControlsStore(config, run, lambda _: None)
    return MarketView(config, run, ActiveTable(config, run), controls.region), controls


def test_a_quote_event_is_followed_by_its_fill(rig, quote_events):
    given = rig.ask("r1")
    [quote] = quote_events.read().events
    assert (quote["kind"], quote["id"], quote["client"], quote["symbol"]) == (
        "quote",
        given["117"],
        "Ordinary",
        "BTC-USD",
    )
    assert (quote["offer"], quote["bid"], quote["side"], quote["quantity"]) == (given["133"], "", "buy", "1.5")
    assert quote["lifetime_ms"] == pytest.approx(int(given["20004"]) / 1000, abs=0.001)
    assert quote["model"] == "liquidity_provider" and 0 < quote["p_move"] < 1
    rig.sleep(7)
    rig.send("AJ", f"693=a|117={given['117']}|694=1")
    [end] = quote_events.read().events
    assert (end["kind"], end["id"], end["state"], end["after_ms"]) == ("end", given["117"], "filled", pytest.approx(7))
    assert quote_events.read().events == []


def test_refusals_passes_cancels_and_late_hits_are_events(rig, quote_events):
    quote_events.read()
    rig.ask("r1", "55=NO-SUCH|54=1|38=1")
    passed, cancelled, late = rig.ask("r2"), rig.ask("r3"), rig.ask("r4")
    rig.send("AJ", f"693=a|117={passed['117']}|694=6")
    rig.send("Z", f"117={cancelled['117']}|298=1")
    rig.sleep(11_000)
    rig.send("AJ", f"693=b|117={late['117']}|694=1")
    told = [
        (e["kind"], e.get("state") or e.get("why") or e.get("reason"))
        for e in quote_events.read().events
        if e["kind"] != "quote"
    ]
    assert told == [
        ("reject", "unknown_symbol"), ("end", "passed"), ("end", "withdrawn"), ("hit_refused", "late"),
    ]  # fmt: skip


def test_what_a_client_did_not_accept_is_an_event_that_a_new_page_shows_too(rig, quote_events):
    quote = rig.ask("r1")
    [fill] = rig.answer("AJ", f"693=a|117={quote['117']}|694=1").messages
    rig.handler.client_rejects.find_sent = lambda session, seq_num: fill
    quote_events.read()
    rig.send("j", "45=9|372=8|380=5|58=no such tag")
    [event] = quote_events.read().events
    shown = {key: event[key] for key in ("kind", "what", "client", "symbol")}
    assert shown == {"kind": "not_accepted", "what": "fill", "client": "Ordinary", "symbol": "BTC-USD"}
    assert event["reason"].startswith("no such tag") and event["exec_id"] in fill
    again = QuoteEventReader(rig.config, rig.journal).read().events
    assert [e["kind"] for e in again if e["kind"] == "not_accepted"] == ["not_accepted"]


def test_a_multileg_is_named_by_its_legs(rig, quote_events):
    multileg = "55=[N/A]|54=1|38=3|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2|20001=CLIENT_PRIORITY"
    assert rig.ask("p", multileg, "FUND")["35"] == "S"
    [quote] = quote_events.read().events
    assert (quote["symbol"], quote["quantity"], quote["row_units"]) == ("+1 BTC-USD -2 ETH-USD", "3", "")
    assert "." in str(quote["offer"]) and quote["tier"] == "strategic"


def test_the_first_read_returns_open_quotes_and_the_latest_refusals(rig):
    rig.wall_ns -= 60 * NS_PER_S
    rig.ask("old")
    rig.ask("r1", "55=NO-SUCH|54=1|38=1")
    rig.wall_ns += 60 * NS_PER_S
    new = rig.ask("new")
    told = QuoteEventReader(rig.config, rig.journal).read().events
    assert [e.get("id") or e["reason"] for e in told] == ["unknown_symbol", new["117"]]


def test_a_journal_may_appear_later(rig, tmp_path):
    quote_events = QuoteEventReader(rig.config, tmp_path / "elsewhere")
    assert quote_events.read().events == [] and quote_events.lost == 0
    rig.journal.rename(tmp_path / "elsewhere")
    rig.ask("r1")
    assert len(quote_events.read().events) == 1


def test_the_market_view_has_book_features_state_and_curves(rig, market):
    view, controls = market
    found = view.read("BTC-USD", rig.mono_ns)
    assert (found["status"], found["state"], found["stopped"], found["held"]) == ("ok", "calm", False, "")
    assert float(found["bids"][0][0]) < float(found["offers"][0][0])
    for side in found["curves"].values():
        for curve in side.values():
            assert len(curve) == 9 and curve == sorted(curve) and 0 <= curve[0] <= curve[-1] <= 1
    controls.stop("instrument", "BTC-USD", "")
    controls.hold_market("BTC-USD", "news")
    found = view.read("BTC-USD", rig.mono_ns)
    assert (found["state"], found["stopped"], found["held"]) == ("news", True, "news")


def test_an_unusable_market_shows_its_status(rig, market, tmp_path):
    view, _ = market
    rig.board.rows[0, L.STATE] = L.BOOK_GAP
    found = view.read("BTC-USD", rig.mono_ns)
    assert found["status"] == "gap" and "features" not in found
    (tmp_path / "board").unlink()
    assert view.read("BTC-USD", rig.mono_ns)["status"] == "writer_dead"
    with pytest.raises(KeyError):
        view.read("NO-SUCH", rig.mono_ns)


def test_each_of_several_venues_has_its_status_and_whether_it_is_part(rig, market, tmp_path):
    other, first = Venue(name="ALT", port=2, sender_comp_id="Q", target_comp_id="A"), rig.config.instrument[0]
    instruments = [msgspec.structs.replace(first, venue=["SIM", "ALT"]), *rig.config.instrument[1:]]
    config = msgspec.structs.replace(rig.config, venue=[*rig.config.venue, other], instrument=instruments)
    board, run = make_board(config, tmp_path / "board"), RunPaths(tmp_path)
    board.beat(rig.mono_ns)
    board.venues[:, L.V_LAST_RECEIVED_NS], board.venues[1, L.V_STATE] = rig.mono_ns, L.VENUE_UP
    alternative = board.all_rows[len(instruments) + 1]
    for row in (board.rows[0], alternative):  # one-sided, which a desk sees as such
        row[[L.STATE, L.N_BID, L.BID_PX, L.BID_SZ]] = L.BOOK_LIVE, 1, 99, 1
    board.rows[0, [L.VENUE, L.PARTS]] = 1, 0b10
    view = MarketView(config, run, ActiveTable(config, run), market[1].region)
    found = view.read(first.symbol, rig.mono_ns)
    assert found["status"] == "one_sided" and found["venues"] == [
        {"name": "SIM", "status": "disconnected", "part": False},
        {"name": "ALT", "status": "one_sided", "part": True},
    ]
    assert "venues" not in view.read(instruments[1].symbol, rig.mono_ns)
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(TerminalView(first.symbol)._market(found))
    assert "○ SIM disconnected   ● ALT one sided" in console.export_text()


def test_status_has_counts_rates_and_sessions(rig, tmp_path):
    (tmp_path / "metrics").rename(tmp_path / "metrics-quoting")
    status = StatusReader(rig.config, RunPaths(tmp_path))
    first = status.read(0)
    rig.ask("r1")
    rig.ask("r2", "55=NO-SUCH|54=1|38=1")
    second = status.read(2 * NS_PER_S)
    assert (second["totals"]["quotes"] - first["totals"]["quotes"], second["totals"]["refusals"]) == (1, 1)
    assert second["per_second"]["quotes"] == 0.5
    assert {s["name"]: s["up"] for s in second["sessions"]} == {"ORD": True, "FUND": False, "FAR": False}
    assert second["venues"] == [{"name": "SIM", "up": False}]
    assert second["latency_us"]["p50"] > 0


def test_status_without_a_service_is_zero(rig, tmp_path):
    found = StatusReader(rig.config, RunPaths(tmp_path / "nowhere")).read(0)
    assert found["totals"]["quotes"] == 0 and found["latency_us"] == {}


def event(n: int, kind: str = "quote", **more: object) -> dict[str, object]:
    return {"kind": kind, "id": f"Q{n}", "at_ms": 0.0, "until_ms": 500.0, **more}


def broadcaster(read=lambda most: Batch([], 0)) -> EventBroadcaster:
    return EventBroadcaster(read, ThreadPoolExecutor(1))


def test_too_many_quotes_are_sampled_and_the_rest_counted(rig, quote_events):
    quote_events.read()
    quotes = [rig.ask(f"r{n}")["117"] for n in range(7)]
    for n, quote in enumerate(quotes):
        rig.send("AJ", f"693=p{n}|117={quote}|694=6")
    rig.ask("unknown", "55=NO-SUCH|54=1|38=1")
    events, left_out = quote_events.read(3)
    assert [e["id"] for e in events if e["kind"] == "quote"] == quotes[::3] and left_out == 4
    assert [e["id"] for e in events if e["kind"] == "end"] == quotes and events[-1]["kind"] == "reject"
    assert quote_events.read(3) == ([], 0)


def test_the_legs_of_a_skipped_multileg_do_not_leak_into_the_next_quote(rig, quote_events):
    multileg = "55=[N/A]|54=1|38=3|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2|20001=CLIENT_PRIORITY"
    quote_events.read()
    rig.ask("r1")
    rig.ask("p", multileg, "FUND")
    rig.ask("r2")
    events, left_out = quote_events.read(2)
    assert [e["symbol"] for e in events] == ["BTC-USD", "BTC-USD"] and left_out == 1


def test_outcomes_of_skipped_quotes_count_as_left_out():
    async def play() -> tuple[list, int]:
        shown = broadcaster()
        viewer = shown.subscribe()
        shown.publish(Batch([event(0), event(3), *(event(n, "end", state="filled") for n in range(4))], 2))
        return viewer.drain()

    events, left_out = asyncio.run(play())
    assert [(e["kind"], e["id"]) for e in events] == [("quote", "Q0"), ("quote", "Q3"), ("end", "Q0"), ("end", "Q3")]
    assert left_out == 4


def test_a_new_viewer_gets_open_quotes_and_a_slow_viewer_loses_the_oldest():
    async def play() -> tuple[list, list, int]:
        shown = broadcaster()
        slow = shown.subscribe()
        shown.publish(Batch([event(1), event(2), event(3, "reject", reason="closed")], 0))
        shown.publish(Batch([event(1, "end", state="filled")], 0))
        newcomer, _ = shown.subscribe().drain()
        for n in range(200):
            shown.publish(Batch([event(1000 + 20 * n + m) for m in range(20)], 0))
        events, left_out = slow.drain()
        return newcomer, events, left_out

    newcomer, events, left_out = asyncio.run(play())
    assert [(e["kind"], e["id"]) for e in newcomer] == [
        ("reject", "Q3"), ("quote", "Q1"), ("end", "Q1"), ("quote", "Q2"),
    ]  # fmt: skip
    assert len(events) == 2000 and left_out == 4 + 4000 - 2000


def test_the_journal_is_read_only_while_there_are_viewers():
    async def play() -> int:
        looked = asyncio.Event()
        loop = asyncio.get_running_loop()
        reads = []

        def read(most: int) -> Batch:
            reads.append(most)
            loop.call_soon_threadsafe(looked.set)
            return Batch([], 0)

        shown = broadcaster(read)
        assert not reads
        viewer = shown.subscribe()
        await asyncio.wait_for(looked.wait(), 5)
        shown.unsubscribe(viewer)
        await asyncio.wait_for(shown._task, 5)
        return len(reads)

    assert asyncio.run(play()) >= 1


def test_the_terminal_shows_quotes_market_and_sessions(rig, quote_events, market, tmp_path):
    (tmp_path / "metrics").rename(tmp_path / "metrics-quoting")
    filled, opened = rig.ask("r1"), rig.ask("r2")
    rig.send("AJ", f"693=a|117={filled['117']}|694=1")
    rig.ask("r3", "55=NO-SUCH|54=1|38=1")
    top = TerminalView("BTC-USD")
    top.apply(quote_events.read().events)
    console = Console(width=150, height=30, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    now_ms = rig.wall_ns / 1e6
    console.print(
        top.render(
            market[0].read("BTC-USD", rig.mono_ns), StatusReader(rig.config, RunPaths(tmp_path)).read(1), now_ms, 30
        )
    )
    text = console.export_text()
    assert "● ORD" in text and "calm" in text and "unknown_symbol" in text and "filled 1" in text
    lines = [line for line in text.splitlines() if "liquidity provider" in line]
    assert len(lines) == 2 and lines[0].rstrip().endswith("open") and lines[1].rstrip().endswith("filled")
    assert opened["133"] in lines[0]
