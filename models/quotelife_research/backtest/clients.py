"""The simulated clients of the backtest.

They are an assumption, not a measurement; every value is an option of the command. Requests come through accounts. The
desk knows the account, but not the client behind a request. Each account passes on two kinds of requests:

    genuine       hits with a fixed probability after a log-normal response time, whatever the price is then
    sniper        watches the market and hits at the first moment when it can sell at once what it buys from the desk
                  (or buy what it sells); never otherwise
    anticipating  a sniper that does not wait for that moment: it hits once the micro-price is near the quoted price

`patient` and `random` accounts differ in the response time and the fill rate of their genuine clients. There is no
account of snipers only: every policy would refuse it.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from quotelife_models import schema as S
from quotelife_models.enums import ORDINARY

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NS_PER_MS = 1_000_000
GENUINE, SNIPER, ANTICIPATING = range(3)
KINDS = 3
FIRM_UNTIL = ("decision", "cancel")
_RACES = 200_000  # drawn for the probability of losing one


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
    own_ms: float = 0.5  # median time from the desk's sight of a change to its withdrawal, with the same sigma
    firm_until: str = FIRM_UNTIL[0]  # a hit counts if it arrives before that, or is sent before the "cancel" arrives
    anticipating: float = 0.5  # share of the snipers that anticipate, where the report has them
    anticipation_ticks: float = 0.1  # distance of the micro-price from the quoted price at which these hit
    sizes: tuple[float, float] = (0.1, 3.0)  # in average trades, log-uniform between these

    def context(self, account: int, informed: float) -> Floats:
        """The client's part of a decision's context: what the desk knows about the account."""
        ctx = np.zeros(S.N_CONTEXT)
        client = self.accounts[account]
        ctx[S.CLIENT_TIER] = ORDINARY
        ctx[S.CLIENT_FILL_RATE] = client.fill_rate
        ctx[S.CLIENT_RESPONSE] = client.response_ms
        ctx[S.CLIENT_RESPONSE_CV] = client.response_cv
        ctx[S.CLIENT_INFORMED_SHARE] = informed
        ctx[S.CLIENT_RACE_LOST] = self.race_lost()
        return ctx

    def race_lost(self) -> float:
        """The share of races that the desk loses, as it would have learnt it from its hits and withdrawals: a sniper's
        reaction and the wire of its hit against the venue's wire and the desk's own decision."""
        rng = np.random.default_rng(0)
        medians = (self.reaction_ms, self.latency_ms, self.latency_ms, self.own_ms)
        reaction, back, sight, own = (
            median * np.exp(self.latency_sigma * rng.standard_normal(_RACES)) for median in medians
        )
        return float((reaction + back < sight + own).mean())


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
    back_ns: Ints  # latency of the hit
    reaction_ns: Ints  # of a sniper
    own_ns: Ints  # the desk's latency, from its sight of a change to its withdrawal

    def __len__(self) -> int:
        return len(self.ts_ns)

    def kinds(self, informed: float, anticipating: float = 0.0) -> Ints:
        """The kind of client behind each request, for a share of informed ones and that of these which anticipate."""
        kind = (self.informed < informed).astype(np.int64)
        return np.where(self.informed < informed * anticipating, ANTICIPATING, kind)

    def with_latencies(self, own: float, reaction: float) -> "Requests":
        """The same requests with the desk's latency and the snipers' reaction times multiplied by these factors."""
        scaled = ((self.own_ns * own).astype(np.int64), (self.reaction_ns * reaction).astype(np.int64))
        return replace(self, own_ns=scaled[0], reaction_ns=scaled[1])


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
    # the arguments below draw in the order in which they stand
    return Requests(
        ts_ns=np.sort(rng.integers(first_ns, last_ns, n)),
        side=1 - 2 * rng.integers(0, 2, n),
        account=account,
        size=np.exp(rng.uniform(low, high, n)),
        informed=rng.random(n),
        genuine_ns=np.where(hits, _ns(out + response + back), NEVER),
        out_ns=_ns(out),
        back_ns=_ns(back),
        reaction_ns=_ns(latency(assumed.reaction_ms)),
        own_ns=_ns(latency(assumed.own_ms)),
    )


def _ns(ms: Floats) -> Ints:
    return (ms * NS_PER_MS).astype(np.int64)
