"""Requests of simulated clients and their intended reactions, drawn before any quote is known.

The behaviour of clients is an assumption, not a measurement. It depends on the seed and the session alone, so that the
same intentions can be evaluated again with other lifetimes.
"""

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from quotelife.config import Client, Config
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models.enums import MODELS
from quotelife_sim.markets import shock
from quotelife_sim.options import SHOCK

FREE_SESSION = "EXTERNAL"  # not simulated: for an OMS of the user
PATIENT, ORDINARY, SNIPER = "patient", "ordinary", "sniper"
# ExpiryModel (20001) that a client names: one that answers slowly does not ask for the shortest lifetimes.
NAMED_MODELS = tuple(name.upper() for name in MODELS if name != "risk_averse")


class Intention(msgspec.Struct, frozen=True, kw_only=True):
    """One planned request. A sniper hits when the market is through the quote; others after `response_ns`, or not."""

    number: int
    at_ns: int  # from the start of play
    client: str
    session: str
    style: str
    symbol: str
    buys: bool  # the side that it means to deal on
    two_way: bool  # requests both sides nevertheless
    quantity: str
    override: str | None  # the expiry model that it names, if any
    response_ns: int  # from quote to hit; for a sniper from the market move to the hit
    accepts: bool  # means to hit; false for a sniper, which waits for the market


@dataclass(frozen=True)
class Behaviour:
    """How clients of one style request and react. Sizes are multiples of the ordinary size of the market."""

    rate: float  # requests per second
    size: float  # median
    size_sigma: float
    response_ms: float  # median
    response_sigma: float
    accepts: float
    two_way: float = 0.0
    override: float = 0.0  # share of requests that name a model, where the client may


BEHAVIOURS = {
    PATIENT: Behaviour(2.0, 4.0, 0.7, 600.0, 0.5, accepts=0.6, two_way=0.3, override=0.1),
    ORDINARY: Behaviour(4.0, 1.0, 0.8, 250.0, 0.6, accepts=0.4, two_way=0.2),
    SNIPER: Behaviour(8.0, 1.0, 0.3, 2.0, 0.2, accepts=0.0),
}
STYLE_OF_TIER = {"strategic": PATIENT, "ordinary": ORDINARY, "restricted": SNIPER}
SHOCK_CLIENTS = 2  # of the stress case: one asks in the calm, the other in the shock
ORDINARY_SIZE = {"BTC-USD": 0.05, "ETH-USD": 1.0, "EUR-USD": 100_000.0}  # in units of the instrument
_OTHER_SIZE = 300.0


def simulated(config: Config) -> list[tuple[Client, str]]:
    """The clients that ask for quotes, with each of their sessions but the free one."""
    return [
        (client, session)
        for client in config.client
        if client.role == "quotes"
        for session in client.sessions
        if session != FREE_SESSION
    ]


def intentions(
    config: Config, market: str, symbols: Sequence[str], seed: int | str, duration_s: float
) -> Iterator[Intention]:
    """Every request in order of time, numbered from 1; endless if `duration_s` is 0."""
    if market == SHOCK:
        yield from _shock(config)
        return
    streams = [
        _stream(client, session, symbols, random.Random(f"{seed}/{session}")) for client, session in simulated(config)
    ]
    for number, drawn in enumerate(heapq.merge(*streams, key=lambda i: (i.at_ns, i.session)), 1):
        if duration_s > 0 and drawn.at_ns > duration_s * NS_PER_S:
            return
        yield msgspec.structs.replace(drawn, number=number)


def rate_factor(symbols: Sequence[str]) -> float:
    """How many times as many requests there are as for a few instruments."""
    return min(max(1.0, len(symbols) / 10), 20.0)


def _stream(client: Client, session: str, symbols: Sequence[str], rng: random.Random) -> Iterator[Intention]:
    style = STYLE_OF_TIER[client.tier]
    behaviour = BEHAVIOURS[style]
    rate = behaviour.rate * rate_factor(symbols)
    at_s = 0.0
    while True:
        at_s += rng.expovariate(rate)
        symbol = rng.choice(symbols)
        size = ORDINARY_SIZE.get(symbol, _OTHER_SIZE) * behaviour.size
        yield Intention(
            number=0,
            at_ns=round(at_s * NS_PER_S),
            client=client.name,
            session=session,
            style=style,
            symbol=symbol,
            buys=rng.random() < 0.5,
            two_way=rng.random() < behaviour.two_way,
            quantity=_quantity(size * rng.lognormvariate(0.0, behaviour.size_sigma)),
            override=_override(rng, behaviour.override, client.may_choose_model),
            response_ns=round(behaviour.response_ms * rng.lognormvariate(0.0, behaviour.response_sigma) * NS_PER_MS),
            accepts=rng.random() < behaviour.accepts,
        )


def _override(rng: random.Random, share: float, allowed: bool) -> str | None:
    draw, model = rng.random(), rng.choice(NAMED_MODELS)
    return model if allowed and draw < share else None


def _quantity(size: float) -> str:
    """Two significant digits."""
    decimals = max(0, 1 - math.floor(math.log10(size)))
    return f"{max(round(size, decimals), 10.0**-decimals):.{decimals}f}"


def _shock(config: Config) -> Iterator[Intention]:
    """Requests of the fund in the calm, then one of an informed client for 1,000 call spreads, 1 s after the news."""
    fund, informed = list({client.name: client for client, _ in simulated(config)}.values())[:SHOCK_CLIENTS]
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
