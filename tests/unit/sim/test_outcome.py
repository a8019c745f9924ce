"""The rule by which quotes are judged, for every expiry alike."""

import numpy as np
import pytest

from quotelife_sim.clients.deal import EXPIRED, FILLED, MISSED, PICKED_OFF
from quotelife_sim.clients.requests import ORDINARY, SNIPER, Intention
from quotelife_sim.outcome import MARKOUT_NS, TRANSIT_NS, VIEW_NS, judge, markout
from quotelife_sim.venue.history import History

MS = 1_000_000
QUOTED = 1_000 * MS


def market(*rows: tuple[int, int, int]) -> History:
    return History(np.array([(t * MS, 0, bid, ask) for t, bid, ask in rows], np.int64))


def intention(style: str, buys: bool = True, response_ms: int = 100, accepts: bool = True) -> Intention:
    return Intention(
        number=1,
        at_ns=0,
        client="c",
        session="C",
        style=style,
        symbol="S",
        buys=buys,
        two_way=False,
        quantity="1",
        override=None,
        response_ns=response_ms * MS,
        accepts=accepts,
    )


CALM = market((0, 100, 102))
RISES = market((0, 100, 102), (1_500, 104, 106))


@pytest.mark.parametrize(
    ("lifetime_ms", "accepts", "kind"), [(101, True, FILLED), (100, True, MISSED), (500, False, EXPIRED)]
)
def test_ordinary_client_is_filled_while_the_quote_is_open(lifetime_ms: int, accepts: bool, kind: str) -> None:
    outcome = judge(intention(ORDINARY, accepts=accepts), 103, QUOTED, QUOTED + lifetime_ms * MS, CALM)
    assert outcome.kind == kind
    assert outcome.hit_ns == (QUOTED + 100 * MS + TRANSIT_NS if kind == FILLED else 0)


def test_an_ordinary_fill_behind_the_market_is_a_pick_off() -> None:
    late = intention(ORDINARY, response_ms=600)
    assert judge(late, 103, QUOTED, QUOTED + 2_000 * MS, RISES).kind == PICKED_OFF


def test_a_sniper_hits_when_the_market_is_through_and_the_quote_lives() -> None:
    sniper = intention(SNIPER, response_ms=2)
    seen = 1_500 * MS + VIEW_NS + 2 * MS + TRANSIT_NS
    assert judge(sniper, 103, QUOTED, QUOTED + 2_000 * MS, RISES) == (PICKED_OFF, seen)
    assert judge(sniper, 103, QUOTED, seen, RISES).kind == PICKED_OFF
    assert judge(sniper, 103, QUOTED, seen - 1, RISES).kind == EXPIRED
    assert judge(sniper, 103, QUOTED, QUOTED + 400 * MS, RISES).kind == EXPIRED
    assert judge(sniper, 105, QUOTED, QUOTED + 2_000 * MS, RISES).kind == EXPIRED


def test_a_sniper_on_the_other_side_does_not_hit_a_rise() -> None:
    assert judge(intention(SNIPER, buys=False), 99, QUOTED, QUOTED + 2_000 * MS, RISES).kind == EXPIRED


def test_markout_is_signed_for_the_quoting_side() -> None:
    hit = 600 * MS
    assert hit + MARKOUT_NS > 1_500 * MS
    assert markout(True, 103, hit, RISES) == 103 - 105
    assert markout(False, 99, hit, RISES) == 105 - 99
    assert markout(True, 103, -2 * MARKOUT_NS, RISES) is None
