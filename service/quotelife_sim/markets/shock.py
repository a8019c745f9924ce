"""The stress case: a generated ETH option market that is calm until a news item.

    0 s        calm: every instrument changes a few times a second, spreads of two ticks
    T0_S       news with sentiment -1 on all of them; from here on updates are two to five times as fast and spreads
               as wide, ETH-USD falls, the volatility index rises, the options hardly move yet
    +COLLAPSE  the call spread follows, too fast for a quote of two seconds

The script does not depend on lifetimes: the service sees only the messages.
"""

import random
from collections.abc import Iterator

import numpy as np

from quotelife.runtime.clock import NS_PER_S
from quotelife_sim.markets.market import ASK, BID, EVENT
from quotelife_sim.venue.ladder import Event, Ladder

SPOT, CALL_3000, CALL_3200, CALL_SPREAD, VOLATILITY = (
    "ETH-USD",
    "ETH-27NOV26-3000-C",
    "ETH-27NOV26-3200-C",
    "ETH-CS-3000-3200",
    "ETH-VOL",
)
T0_S = 8.0
RFQ_S = T0_S + 1.0
COLLAPSE_S = RFQ_S + 1.44
COLLAPSE_TICKS_PER_S = 200.0
COLLAPSE_UNTIL_S = COLLAPSE_S + 0.3
END_S = T0_S + 8.0
_STEP_S = 0.005
_CALM_RATE = 8.0  # changes per second and instrument
_MOVE_SHARE = 0.02
_FASTER = (2.0, 5.0)  # multiples of rate and spread: at the news, and from one second later
_SPREAD_TICKS = 2
# symbol: first bid in ticks, typical order, drift in ticks per second after the news
_INSTRUMENTS = {
    SPOT: (29_500, 50, -150.0),
    CALL_3000: (1_420, 200, -3.0),
    CALL_3200: (720, 200, -2.0),
    CALL_SPREAD: (700, 400, -1.0),
    VOLATILITY: (620, 10, 20.0),
}


class ShockMarket:
    """Deterministic in the seed. Without news the books change in the same way, and the venue sends no news item."""

    symbols: tuple[str, ...] = tuple(_INSTRUMENTS)
    repeats = False

    def __init__(self, seed: int, news: bool = True) -> None:
        self._seed, self._news = seed, news

    def opening(self) -> np.ndarray:
        out: list[Event] = []
        self._ladders(random.Random(self._seed), out)
        return np.array(out, EVENT)

    def chunks(self) -> Iterator[np.ndarray]:
        rng = random.Random(self._seed)
        ladders = self._ladders(rng, [])
        out: list[Event] = []
        pending_ticks = dict.fromkeys(self.symbols, 0.0)  # drift not yet played, in ticks
        for step in range(round(END_S / _STEP_S)):
            at_s = step * _STEP_S
            if at_s == T0_S and self._news:
                for ladder in ladders.values():
                    ladder.news(round(at_s * NS_PER_S), -1.0, out)
            for symbol, ladder in ladders.items():
                _advance(rng, symbol, ladder, at_s, pending_ticks, out)
        yield np.array(out, EVENT)

    def describe(self) -> str:
        what = "a news item" if self._news else "a shock, without its news item"
        return f"GENERATED ETH option market: calm, then {what}; a script, not a recording"

    def _ladders(self, rng: random.Random, out: list[Event]) -> dict[str, Ladder]:
        ladders = {}
        for i, (symbol, (bid, typical, _)) in enumerate(_INSTRUMENTS.items()):
            ladders[symbol] = Ladder(i, typical, rng)
            ladders[symbol].reprice(0, bid, bid + _SPREAD_TICKS, out)
        return ladders


def _factor(at_s: float) -> float:
    """Update rate and spread as multiples of the calm ones."""
    if at_s < T0_S:
        return 1.0
    low, high = _FASTER
    return min(low + (high - low) * (at_s - T0_S), high)


def _drift(symbol: str, at_s: float) -> float:
    """Ticks per second."""
    if at_s < T0_S:
        return 0.0
    if symbol == CALL_SPREAD and COLLAPSE_S <= at_s < COLLAPSE_UNTIL_S:
        return -COLLAPSE_TICKS_PER_S
    return _INSTRUMENTS[symbol][2]


def _advance(
    rng: random.Random, symbol: str, ladder: Ladder, at_s: float, pending_ticks: dict[str, float], out: list[Event]
) -> None:
    """One step of one instrument: at most one change, of prices where a move is pending, otherwise of sizes."""
    t_ns, factor = round(at_s * NS_PER_S), _factor(at_s)
    pending_ticks[symbol] += _drift(symbol, at_s) * _STEP_S
    if rng.random() >= _CALM_RATE * factor * _STEP_S:
        return
    draw = rng.random()
    if draw < _MOVE_SHARE:
        pending_ticks[symbol] += rng.choice((-1, 1))
    ticks, spread = int(pending_ticks[symbol]), round(_SPREAD_TICKS * factor)
    if ticks or spread != ladder.ask - ladder.bid:
        pending_ticks[symbol] -= ticks
        bid = (ladder.bid + ladder.ask + 2 * ticks - spread) // 2
        ladder.reprice(t_ns, bid, bid + spread, out)
    elif draw < 0.2:
        ladder.trade(t_ns, BID if at_s < T0_S and rng.random() < 0.5 else ASK, out)
    elif draw < 0.6:
        ladder.resize(t_ns, out)
    else:
        ladder.replace(t_ns, out)
