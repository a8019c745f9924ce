"""The simulated clients: an assumption, not a measurement. Every figure here is an option of the command.

Requests come through accounts, and the desk knows the account, not who is behind a request. Each account passes on two
kinds of requests:

    genuine   hits with a fixed probability after a log-normal response time, wherever the price is then
    sniper    watches the market and hits at the first moment at which it can sell at once what it buys from us (or buy
              what it sells); never otherwise

`patient` and `random` accounts differ in how long their genuine clients take and how often they hit. An account that
was known to hold nothing but snipers would be refused by every policy alike, so there is none.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quotelife_models import schema as S

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Account:
    """Genuine clients of one account."""

    name: str
    response_ms: float  # mean
    response_cv: float  # standard deviation over mean
    fill_rate: float


PATIENT = Account("patient", 1500.0, 0.7, 0.5)
RANDOM = Account("random", 300.0, 1.0, 0.3)


@dataclass(frozen=True)
class Assumptions:
    """How clients and the wires to them behave."""

    accounts: tuple[Account, ...] = (PATIENT, RANDOM)
    informed: tuple[float, ...] = (0.5, 0.1, 0.3, 0.7)  # share of snipers; the first is the report's main one
    latency_ms: float = 0.5  # median of one way, venue to us, us to the client and back
    latency_sigma: float = 0.5  # of its logarithm
    reaction_ms: float = 1.0  # median time a sniper takes, with the same sigma
    sizes: tuple[float, float] = (0.1, 3.0)  # in average trades, log-uniform between these

    def context(self, account: int, informed: float) -> Floats:
        """What the desk knows of a client of the account: the client's part of a decision's context."""
        ctx = np.zeros(S.N_CONTEXT)
        known = self.accounts[account]
        ctx[S.CLIENT_TIER] = 1.0
        ctx[S.CLIENT_FILL_RATE] = known.fill_rate
        ctx[S.CLIENT_RESPONSE] = known.response_ms
        ctx[S.CLIENT_RESPONSE_CV] = known.response_cv
        ctx[S.CLIENT_INFORMED_SHARE] = informed
        return ctx


@dataclass(frozen=True)
class Requests:
    """Requests of one session in order of time. All times of a request's later life are relative to its arrival."""

    ts_ns: Ints  # arrival here
    side: Ints  # +1 the client buys, -1 it sells
    account: Ints
    size: Floats  # in average trades
    informed: Floats  # uniform: below the informed share the request is a sniper's
    genuine_ns: Ints  # arrival of a genuine hit, NEVER if it does not want to
    out_ns: Ints  # the quote's way to the client
    back_ns: Ints  # a sniper's reaction and its hit's way back

    def __len__(self) -> int:
        return len(self.ts_ns)


NEVER = 2**62


def draw(assumed: Assumptions, first_ns: int, last_ns: int, n: int, rng: np.random.Generator) -> Requests:
    """`n` requests, uniform over [first_ns, last_ns)."""

    def wire(median_ms: float) -> Floats:
        return median_ms * np.exp(assumed.latency_sigma * rng.standard_normal(n))

    account = rng.integers(0, len(assumed.accounts), n)
    mean = np.array([a.response_ms for a in assumed.accounts])[account]
    variance = np.log1p(np.array([a.response_cv for a in assumed.accounts])[account] ** 2)
    response = np.exp(np.log(mean) - 0.5 * variance + np.sqrt(variance) * rng.standard_normal(n))
    wants = rng.random(n) < np.array([a.fill_rate for a in assumed.accounts])[account]
    out, back = wire(assumed.latency_ms), wire(assumed.latency_ms)
    low, high = np.log(assumed.sizes)
    return Requests(
        ts_ns=np.sort(rng.integers(first_ns, last_ns, n)),
        side=1 - 2 * rng.integers(0, 2, n),
        account=account,
        size=np.exp(rng.uniform(low, high, n)),
        informed=rng.random(n),
        genuine_ns=np.where(wants, _ns(out + response + back), NEVER),
        out_ns=_ns(out),
        back_ns=_ns(wire(assumed.reaction_ms) + back),
    )


def _ns(ms: Floats) -> Ints:
    return (ms * NS_PER_MS).astype(np.int64)
