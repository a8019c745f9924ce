"""Statistics of each client: counts, response times, markouts, and the estimates that enter decisions.

The estimates start at the configured values, which weigh as much as `weight` observations (w below), and move towards
what is measured. Every n is a sum that decays with a half-life, so the estimates of a client without new data return to
the configured values: a client whose requests were all refused for its fill rate gets another chance.

    fill rate        (w * configured + hits) / (w + exposure). Hits are fills, and informed hits that were refused as
                     withdrawn. The exposure of a quote grows with the time it was open: a short quote without a hit
                     says little (`quotelife.recorder.exposure`)
    response time    mean and coefficient of variation of all hits, filled or late: without the late ones a short
                     lifetime would make the client look fast. The configured values count as w responses of that mean
                     and variation
    win share        (w * configured fill rate + fills) / (w + fills + lost): the chance that a request which is dealt
                     is dealt with the desk. Lost are quotes that the client says it has dealt elsewhere (QuoteRespType
                     cover, done away and tied); of a client that does not say so, only the fills are known
    toxicity         sum of the 1 s markouts / (w + n), in ticks, positive when the market moves against the desk. The
                     markouts of a multileg are in its own ticks
    informed share   (w * configured + informed hits) / (w + hits). Hits are fills, and the first hit on each quote that
                     was refused as withdrawn, all with a known 1 s markout. Informed are those whose price the mid
                     had passed at their receipt, or one second later
    race lost        the probability that an informed hit arrives before the withdrawal (`quotelife_models.race`). The
                     client's reaction runs from the change of the board that put the market through the price, or that
                     made the desk withdraw, to the arrival of the hit; the desk's latency, one for all clients, from
                     that change to the withdrawal. The logarithms of both are pooled with configured ones that count as
                     w. The share of hits that came early is early / (w + informed hits): the market was not through the
                     price when they arrived, but the mid was 100 ms later

The informed share is that of requests, before any withdrawal: what withdrawals prevent is in `race lost`, and would
count twice if the hits that they refused were missing here. It is exact if informed and uninformed requests lead to
hits equally often. Hits that a client does not send any more, because it already has the QuoteCancel, are not seen.

The fill rate is that of an uninformed request (`quotelife_models.stopping`), but which requests are informed is only
known of those that were hit. So it is that of all requests, under the same assumption, and races must not change it.
Exposure ends at the withdrawal. An informed hit comes with it and counts, filled or refused: without the refused ones,
the exposure of informed requests would dilute the rate. An uninformed hit does not depend on it, so the quote is an
independently censored observation without bias. A refused uninformed hit does not count: it came in the time after the
withdrawal, in which others did not hit, and how long these could have is not known; counting it would raise the rate.

Toxicity is that of fills: it corrects the edge of what is filled.
"""

import math

import numpy as np

from quotelife.config import Config
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_estimates import (
    NOT_WITHDRAWN,
    Row,
    configured_latency,
    configured_reaction,
    configured_row,
)
from quotelife.recorder.exposure import exposure
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models.enums import Tier
from quotelife_models.race import race_lost

# A fill rate of 1 would make the next hit certain, and Client Priority would wait for it without end. It can occur: the
# fast hits of a client configured as slow outweigh their exposure until its response time has been learnt.
MAX_FILL_RATE = 0.98
LATENCY_WEIGHT = 20.0  # of the configured latency of the desk, in withdrawals
# Informed hits come within milliseconds of a change of the board; what comes later has another cause.
MAX_REACTION_NS = NS_PER_S
_SHORTEST_MS = 1e-3  # clocks and wake-ups make shorter times meaningless, and their logarithms outliers
_LATENCY = slice(L.S_WITHDRAWALS, L.S_LOG_LATENCY2 + 1)


def response_bucket(response_ns: int) -> int:
    """Index into RESPONSES of a response time."""
    return min(max(response_ns - 1, 0) // L.FIRST_OCTAVE_NS, 2 ** (L.N_OCTAVES - 1) - 1).bit_length()


class ClientStatistics:
    """The rows of all clients, float64[n_clients, ROW_WORDS]. Times of events are wall-clock nanoseconds."""

    def __init__(self, config: Config) -> None:
        self.names: list[str] = []
        self.tiers: list[Tier] = []
        self.rows = np.zeros((0, L.ROW_WORDS))
        self.changed: set[int] = set()
        self._numbers: dict[str, int] = {}
        self.configure(config)

    def configure(self, config: Config) -> set[str]:
        """Use the values of a configuration, whose first clients are those known; returns the names of the others."""
        new, n_known = config.client[len(self.names) :], len(self.names)
        terms = [getattr(config.tier, client.tier) for client in config.client]
        both = list(zip(config.client, terms, strict=True))
        self._configured = np.stack([configured_row(client, t, config.withdrawal) for client, t in both])
        self.rows = np.concatenate([self.rows, self._configured[len(self.names) :]])
        self.names += [client.name for client in new]
        self.tiers = [client.tier for client in config.client]
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._weights = [t.weight for t in terms]
        self._reactions = [configured_reaction(client, t) for client, t in both]
        self._latency = configured_latency(config.withdrawal)
        self._withdraws = config.withdrawal.enabled
        self._half_life_s = config.recorder.half_life_s
        self.changed |= set(range(n_known))
        return {client.name for client in new}

    def number(self, name: str | None) -> int | None:
        """The number of a client's row; None for one that is not configured."""
        return None if name is None else self._numbers.get(name)

    def restore(self, client: int, row: Row) -> None:
        """Continue from a stored row, with the values configured now."""
        self.rows[client] = row
        self.changed.add(client)

    # --- events

    def count_request(self, client: int) -> None:
        """A request, quoted or refused."""
        self.rows[client, L.REQUESTS] += 1
        self.changed.add(client)

    def count_quote(self, client: int) -> None:
        self.rows[client, L.QUOTES] += 1
        self.changed.add(client)

    def add_exposure(self, client: int, wall_ns: int, before: float, after: float) -> None:
        """A quote has ended. It, or its subscription, has been open for a share of the client's response times:
        `before` this quote, which is counted already, and `after` it; 1 after a pass or a cancel by the client."""
        row = self._decayed(client, wall_ns)
        r = row[L.FILL_RATE]
        row[L.S_EXPOSURE] += exposure(after, r) - exposure(before, r)

    def add_hit(self, client: int, wall_ns: int, response_ns: int, *, in_time: bool) -> None:
        """A hit that was filled, or came too late."""
        row = self._decayed(client, wall_ns)
        row[L.FILLED if in_time else L.LATE] += 1
        row[L.RESPONSES + response_bucket(response_ns)] += 1
        row[L.S_HITS] += in_time
        response_ms = response_ns / NS_PER_MS
        row[L.S_RESPONSES] += 1
        row[L.S_RESPONSE_MS] += response_ms
        row[L.S_RESPONSE_MS2] += response_ms * response_ms

    def count_refused_hit(self, client: int) -> None:
        """A hit refused for another reason than being late."""
        self.rows[client, L.REFUSED] += 1
        self.changed.add(client)

    def add_pass(self, client: int, wall_ns: int, *, lost: bool) -> None:
        """A quote that the client ended without a hit; `lost` to another dealer, as it says."""
        row = self._decayed(client, wall_ns)
        row[L.PASSED] += 1
        row[L.S_LOST] += lost

    def add_markout(self, client: int, wall_ns: int, horizon: int, ticks: float, edge_ticks: float) -> None:
        """A markout of a fill at one of the horizons; `edge_ticks` is the edge of its price at the receipt."""
        row = self._decayed(client, wall_ns)
        row[L.S_MARKOUTS + horizon] += 1
        row[L.S_MARKOUT_TICKS + horizon] += ticks
        if horizon == L.ONE_SECOND:
            row[L.S_THROUGH] += _is_informed(ticks, edge_ticks)

    def add_withdrawn_hit(self, client: int, wall_ns: int, ticks: float, edge_ticks: float) -> bool:
        """A hit refused because its quote had been withdrawn, and its 1 s markout; returns whether it was informed."""
        row, informed = self._decayed(client, wall_ns), _is_informed(ticks, edge_ticks)
        row[L.S_WITHDRAWN_HITS] += 1
        row[L.S_WITHDRAWN_THROUGH] += informed
        return informed

    def add_reaction(self, client: int, wall_ns: int, reaction_ns: int) -> None:
        """An informed hit, this long after the change of the board that it raced a withdrawal from; not positive where
        it arrived before the board had changed. Reactions longer than MAX_REACTION_NS do not count."""
        if reaction_ns > MAX_REACTION_NS:
            return
        row = self._decayed(client, wall_ns)
        if reaction_ns <= 0:
            row[L.S_EARLY] += 1
        else:
            _add_log(row, L.S_REACTIONS, reaction_ns)

    def add_withdrawal(self, client: int, wall_ns: int, latency_ns: int) -> None:
        """A withdrawal because the market had moved, this long after the change of the board that caused it."""
        if latency_ns <= MAX_REACTION_NS:
            _add_log(self._decayed(client, wall_ns), L.S_WITHDRAWALS, latency_ns)

    def _decayed(self, client: int, wall_ns: int) -> Row:
        """The row of a client, its sums as of now."""
        row = self.rows[client]
        passed_s = wall_ns / NS_PER_S - row[L.UPDATED_S]
        if passed_s > 0:
            row[L.S_EXPOSURE : L.SUMS_END] *= 0.5 ** (passed_s / self._half_life_s)
            row[L.UPDATED_S] += passed_s
        self.changed.add(client)
        return row

    # --- estimates

    def estimate(self, client: int, wall_ns: int) -> Row:
        """The row of a client with its estimates as of now."""
        row, prior, w = self._decayed(client, wall_ns), self._configured[client], self._weights[client]
        hits = row[L.S_HITS] + row[L.S_WITHDRAWN_THROUGH]
        row[L.FILL_RATE] = min((w * prior[L.FILL_RATE] + hits) / (w + row[L.S_EXPOSURE]), MAX_FILL_RATE)
        row[L.WIN_SHARE] = (w * prior[L.FILL_RATE] + row[L.S_HITS]) / (w + row[L.S_HITS] + row[L.S_LOST])
        mean, cv = prior[L.RESPONSE_MS], prior[L.RESPONSE_CV]
        n = w + row[L.S_RESPONSES]
        measured = (w * mean + row[L.S_RESPONSE_MS]) / n
        square = (w * mean * mean * (1.0 + cv * cv) + row[L.S_RESPONSE_MS2]) / n
        row[L.RESPONSE_MS] = measured
        row[L.RESPONSE_CV] = math.sqrt(max(square - measured * measured, 0.0)) / measured
        n = w + row[L.S_MARKOUTS + L.ONE_SECOND]
        row[L.TOXICITY] = row[L.S_MARKOUT_TICKS + L.ONE_SECOND] / n
        informed = w * prior[L.INFORMED_SHARE] + row[L.S_THROUGH] + row[L.S_WITHDRAWN_THROUGH]
        row[L.INFORMED_SHARE] = informed / (n + row[L.S_WITHDRAWN_HITS])
        row[L.RACE_LOST] = self._race_lost(client, wall_ns) if self._withdraws else NOT_WITHDRAWN
        return row

    def latency(self, wall_ns: int) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm of the desk's latency in ms, from the withdrawals of all
        clients' quotes."""
        passed_s = np.maximum(wall_ns / NS_PER_S - self.rows[:, L.UPDATED_S], 0.0)
        sums = 0.5 ** (passed_s / self._half_life_s) @ self.rows[:, _LATENCY]
        return _pooled(*self._latency, LATENCY_WEIGHT, *sums.tolist())

    def _race_lost(self, client: int, wall_ns: int) -> float:
        """For a client whose sums are as of now."""
        row, w = self.rows[client], self._weights[client]
        early, n, log_sum, log_sum2 = row[L.S_EARLY : L.S_LOG_REACTION2 + 1].tolist()
        reaction = _pooled(*self._reactions[client], w, n, log_sum, log_sum2)
        lost: float = race_lost(*self.latency(wall_ns), *reaction, early / (w + early + n))
        return lost


def _is_informed(ticks: float, edge_ticks: float) -> bool:
    """Whether the mid had passed the price of a hit when it was received, or after this markout."""
    return edge_ticks < 0.0 or ticks > edge_ticks


def _add_log(row: Row, at: int, time_ns: int) -> None:
    """Count a time in the three words of a row for number, sum of logarithms and of their squares."""
    log_ms = math.log(max(time_ns / NS_PER_MS, _SHORTEST_MS))
    row[at] += 1
    row[at + 1] += log_ms
    row[at + 2] += log_ms * log_ms


def _pooled(mean: float, sd: float, w: float, n: float, total: float, squares: float) -> tuple[float, float]:
    """Mean and standard deviation of n values with these sums, and of w values of this mean and deviation."""
    pooled = (w * mean + total) / (w + n)
    square = (w * (mean * mean + sd * sd) + squares) / (w + n)
    return pooled, math.sqrt(max(square - pooled * pooled, 0.0))
