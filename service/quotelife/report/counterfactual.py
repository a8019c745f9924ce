"""What a fixed lifetime would have brought a client's quotes, as far as recorded hits can tell.

A quote with a fixed lifetime is filled by its hit if that came within it. Hits that were refused, because they were
late or the quote had been withdrawn, count with what the market did after them. What is not seen: hits that a client
did not send because its quote had ended. So of a lifetime longer than the quotes had, only a part of the hits is known;
`seen` is the share of the quotes of which the outcome is known. A client that behaves differently when its quotes live
longer is not seen either.
"""

import numpy as np
from msgspec import Struct

from quotelife.report.desk_rows import Floats, Ints, Requests
from quotelife.report.statistics import known_interval

LIFETIMES_MS = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0)
FEWEST_SEEN = 0.5  # share of the quotes; a lifetime of which less is known is not chosen
_FEWEST = 50  # requests in each half of the period


class FixedLifetime(Struct, frozen=True):
    """A fixed lifetime for all quotes of a client: net per request in ticks, and the share of quotes that tell."""

    lifetime_ms: float
    net: float
    low: float | None
    high: float | None
    seen: float


class Choice(Struct, frozen=True):
    """The lifetime with the highest net in the earlier half of the period, and by how much the desk's own lifetimes and
    withdrawals were better in the later half, in ticks per request."""

    lifetime_ms: float
    net: float
    own_net: float
    difference: float
    low: float | None
    high: float | None


class FixedLifetimes(Struct, frozen=True):
    """Of one client; `chosen` is None if its requests are too few, or too few of them tell. `own_net` is the net of the
    desk over the whole period, on the requests whose hits are known."""

    client: str
    requests: int
    late: int
    unknown: int  # hits of which it is not known what the market did: left out
    own_net: float | None
    lifetimes: list[FixedLifetime]
    chosen: Choice | None


def fixed_lifetimes(client: str, requests: Requests, block: Ints, horizon: int | None) -> FixedLifetimes:
    """The fixed lifetimes of one client; hits are worth what a hedge at the horizon brings."""
    worth, came = requests.worth(horizon), ~np.isnan(requests.response_ms)
    judged = requests.filled | requests.late | requests.hit_withdrawn
    known = ~(came & judged & np.isnan(worth))
    kept, worth, block = requests.where(known), worth[known], block[known]
    nets = np.stack([_net(kept, worth, ms) for ms in LIFETIMES_MS], axis=1) if len(kept) else np.zeros((0, 1))
    own = kept.net(horizon)
    found = []
    for k, ms in enumerate(LIFETIMES_MS if len(kept) else ()):
        mean, low, high = known_interval(nets[:, k], block)
        found.append(FixedLifetime(ms, mean or 0.0, low, high, _seen(kept, ms)))
    return FixedLifetimes(
        *(client, len(requests), int(requests.late.sum()), int((~known).sum())),
        float(own.mean()) if len(own) else None,
        found,
        _choice(found, nets, own, block),
    )


def _net(requests: Requests, worth: Floats, lifetime_ms: float) -> Floats:
    """By request, with this lifetime and without withdrawal."""
    judged = requests.filled | requests.late | requests.hit_withdrawn
    return np.where(judged & (requests.response_ms < lifetime_ms), worth, 0.0)


def _seen(requests: Requests, lifetime_ms: float) -> float:
    """The share of the quotes that were open so long, or have a hit."""
    quoted = ~requests.refused
    known = (requests.open_ms >= lifetime_ms) | ~np.isnan(requests.response_ms)
    return float(known[quoted].mean()) if quoted.any() else 0.0


def _choice(found: list[FixedLifetime], nets: Floats, own: Floats, block: Ints) -> Choice | None:
    """Tuned on the earlier half, judged on the later one: the best of many on the same requests flatters itself."""
    half = len(own) // 2
    usable = [k for k, each in enumerate(found) if each.seen >= FEWEST_SEEN]
    if half < _FEWEST or not usable:
        return None
    best = max(usable, key=lambda k: nets[:half, k].mean())
    fixed, ours = nets[half:, best], own[half:]
    mean, low, high = known_interval(ours - fixed, block[half:])
    return Choice(found[best].lifetime_ms, float(fixed.mean()), float(ours.mean()), mean or 0.0, low, high)
