"""What the journal says about a hit and a withdrawal that race each other after a change of the board."""

import pytest

from quotelife.journal import layout as J
from quotelife.market.board import layout as L
from quotelife.market.board.passage import NOT_PASSED, PASSAGE_UNKNOWN
from quotelife.runtime.clock import NS_PER_MS
from tests.unit.rfq.rfq_rig import Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    rig.handler.sessions["ORD"].is_logged_on = True
    return rig


def move(rig: Rig, ticks: int, row: int = 0) -> int:
    """Shift the book of a row, now."""
    words = rig.board.rows[row]
    words[L.VERSION] += 1
    for level in range(L.DEPTH):
        words[L.BID_PX + level] += ticks
        words[L.ASK_PX + level] += ticks
    words[L.MID2] += 2 * ticks
    words[L.TOP_SINCE_NS] = words[L.LAST_EVENT_NS] = rig.mono_ns
    words[L.VERSION] += 1
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
