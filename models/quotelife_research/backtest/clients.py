"""The simulated clients of the backtest.

They are an assumption, not a measurement; every value is an option of the command. Requests come through accounts. The
desk knows the account, but not the client behind a request. Each account passes on two kinds of requests:

    genuine   hits with a fixed probability after a log-normal response time, whatever the price is then
    sniper    watches the market and hits at the first moment when it can sell at once what it buys from the desk (or
              buy what it sells); never otherwise

`patient` and `random` accounts differ in the response time and the fill rate of their genuine clients. There is no
account of snipers only: every policy would refuse it.
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
    """The assumed behaviour of clients and connections."""

    accounts: tuple[Account, ...] = (PATIENT, RANDOM)
    informed: tuple[float, ...] = (0.5, 0.1, 0.3, 0.7)  # shares of snipers; the first is the main one of the report
    latency_ms: float = 0.5  # median one-way latency: venue to desk, desk to client, client to desk
    latency_sigma: float = 0.5  # of its logarithm
    reaction_ms: float = 1.0  # median reaction time of a sniper, with the same sigma
    sizes: tuple[float, float] = (0.1, 3.0)  # in average trades, log-uniform between these

    def context(self, account: int, informed: float) -> Floats:
        """The client's part of a decision's context: what the desk knows about the account."""
        ctx = np.zeros(S.N_CONTEXT)
        client = self.accounts[account]
        ctx[S.CLIENT_TIER] = 1.0
        ctx[S.CLIENT_FILL_RATE] = client.fill_rate
        ctx[S.CLIENT_RESPONSE] = client.response_ms
        ctx[S.CLIENT_RESPONSE_CV] = client.response_cv
        ctx[S.CLIENT_INFORMED_SHARE] = informed
        return ctx


@dataclass(frozen=True)
class Requests:
    """Requests of one session in time order. All later times of a request are relative to its arrival."""

    ts_ns: Ints  # arrival at the desk
    side: Ints  # +1 the client buys, -1 it sells
    account: Ints
    size: Floats  # in average trades
    informed: Floats  # uniform in [0, 1): a sniper's request if below the informed share
    genuine_ns: Ints  # arrival of the genuine hit, NEVER if there is none
    out_ns: Ints  # latency of the quote to the client
    back_ns: Ints  # reaction of a sniper plus latency of its hit

    def __len__(self) -> int:
        return len(self.ts_ns)


NEVER = 2**62


def draw_requests(assumed: Assumptions, first_ns: int, last_ns: int, n: int, rng: np.random.Generator) -> Requests:
    """`n` random requests, uniform over [first_ns, last_ns)."""

    def latency(median_ms: float) -> Floats:
        return median_ms * np.exp(assumed.latency_sigma * rng.standard_normal(n))

    account = rng.integers(0, len(assumed.accounts), n)
    mean = np.array([a.response_ms for a in assumed.accounts])[account]
    variance = np.log1p(np.array([a.response_cv for a in assumed.accounts])[account] ** 2)
    response = np.exp(np.log(mean) - 0.5 * variance + np.sqrt(variance) * rng.standard_normal(n))
    hits = rng.random(n) < np.array([a.fill_rate for a in assumed.accounts])[account]
    out, back = latency(assumed.latency_ms), latency(assumed.latency_ms)
    low, high = np.log(assumed.sizes)
    return Requests(
        ts_ns=np.sort(rng.integers(first_ns, last_ns, n)),
        side=1 - 2 * rng.integers(0, 2, n),
        account=account,
        size=np.exp(rng.uniform(low, high, n)),
        informed=rng.random(n),
        genuine_ns=np.where(hits, _ns(out + response + back), NEVER),
        out_ns=_ns(out),
        back_ns=_ns(latency(assumed.reaction_ms) + back),
    )


def _ns(ms: Floats) -> Ints:
    return (ms * NS_PER_MS).astype(np.int64)
