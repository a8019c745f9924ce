"""What simulated clients ask, when, and what they mean to do with the answer: drawn once, before any quote is known.

The behaviour of clients is an assumption, not a measurement. It is drawn per client from the seed alone, so that the
same intentions can be judged again under another lifetime.
"""

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from quotelife.config import Client, Config
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_sim.markets import shock
from quotelife_sim.options import SHOCK

FREE_SESSION = "EXTERNAL"  # left to a newcomer's own OMS
PATIENT, ORDINARY, SNIPER = "patient", "ordinary", "sniper"
MODELS = ("CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER")


class Intention(msgspec.Struct, frozen=True, kw_only=True):
    """One request to come. A sniper hits when the market is through the quote; others after their time, or not."""

    number: int
    at_ns: int  # from the start of play
    client: str
    session: str
    style: str
    symbol: str
    buys: bool  # the side it means to deal on
    two_way: bool  # asks for both sides all the same
    quantity: str
    override: str | None  # the model it asks for, if any
    response_ns: int  # from the quote to its hit; for a sniper its reaction to the market
    accepts: bool  # means to hit; a sniper never does without a reason


@dataclass(frozen=True)
class Behaviour:
    """How clients of one style ask and answer. Sizes are in multiples of the market's ordinary request."""

    rate: float  # requests per second
    size: float  # median
    size_sigma: float
    response_ms: float  # median
    response_sigma: float
    accepts: float
    two_way: float = 0.0
    override: float = 0.0  # share of requests that name a model, where the session may


BEHAVIOURS = {
    PATIENT: Behaviour(2.0, 4.0, 0.7, 600.0, 0.5, accepts=0.6, two_way=0.3, override=0.1),
    ORDINARY: Behaviour(4.0, 1.0, 0.8, 250.0, 0.6, accepts=0.4, two_way=0.2),
    SNIPER: Behaviour(8.0, 1.0, 0.3, 2.0, 0.2, accepts=0.0),
}
STYLE_OF_TIER = {"strategic": PATIENT, "ordinary": ORDINARY, "restricted": SNIPER}
ORDINARY_SIZE = {"sample": 0.05, "synthetic": 300.0}


def intentions(
    config: Config, market: str, symbols: Sequence[str], seed: int, duration_s: float
) -> Iterator[Intention]:
    """Every request in order of time, numbered from 1; without end if `duration_s` is 0."""
    if market == SHOCK:
        yield from _shock(config)
        return
    sizes = ORDINARY_SIZE[market]
    streams = [
        _stream(client, session, symbols, random.Random(f"{seed}/{session}"), sizes)
        for client in config.client
        for session in client.sessions
        if session != FREE_SESSION
    ]
    for number, drawn in enumerate(heapq.merge(*streams, key=lambda i: (i.at_ns, i.session)), 1):
        if duration_s > 0 and drawn.at_ns > duration_s * NS_PER_S:
            return
        yield msgspec.structs.replace(drawn, number=number)


def _stream(
    client: Client, session: str, symbols: Sequence[str], rng: random.Random, ordinary_size: float
) -> Iterator[Intention]:
    style = STYLE_OF_TIER[client.tier]
    how = BEHAVIOURS[style]
    rate = how.rate * min(max(1.0, len(symbols) / 10), 20.0)
    at_s = 0.0
    while True:
        at_s += rng.expovariate(rate)
        yield Intention(
            number=0,
            at_ns=round(at_s * NS_PER_S),
            client=client.name,
            session=session,
            style=style,
            symbol=rng.choice(symbols),
            buys=rng.random() < 0.5,
            two_way=rng.random() < how.two_way,
            quantity=_quantity(ordinary_size * how.size * rng.lognormvariate(0.0, how.size_sigma)),
            override=_override(rng, how.override, client.may_choose_model),
            response_ns=round(how.response_ms * rng.lognormvariate(0.0, how.response_sigma) * NS_PER_MS),
            accepts=rng.random() < how.accepts,
        )


def _override(rng: random.Random, share: float, allowed: bool) -> str | None:
    draw, model = rng.random(), rng.choice(MODELS)
    return model if allowed and draw < share else None


def _quantity(size: float) -> str:
    """Two significant digits."""
    decimals = max(0, 1 - math.floor(math.log10(size)))
    return f"{max(round(size, decimals), 10.0**-decimals):.{decimals}f}"


def _shock(config: Config) -> Iterator[Intention]:
    """Calm requests of the fund, then one for 1,000 call spreads a second after the news, by somebody who knows."""
    fund, informed = config.client[0], config.client[1]
    moments = [(at_s, fund, PATIENT, "100", True) for at_s in (2.0, 3.5, 5.0, 6.5)]
    moments.append((shock.RFQ_S, informed, SNIPER, "1000", False))
    for number, (at_s, client, style, quantity, accepts) in enumerate(moments, 1):
        yield Intention(
            number=number,
            at_ns=round(at_s * NS_PER_S),
            client=client.name,
            session=client.sessions[0],
            style=style,
            symbol=shock.CALL_SPREAD,
            buys=False,
            two_way=False,
            quantity=quantity,
            override=None,
            response_ns=(400 if accepts else 2) * NS_PER_MS,
            accepts=accepts,
        )
