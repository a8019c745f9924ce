"""Statistics of each client: counts, response times, markouts, and the estimates that enter decisions.

The estimates start at the configured values, which weigh as much as `weight` observations (w below), and move towards
what is measured. Every n is a sum that decays with a half-life, so the estimates of a client without new data return to
the configured values: a client whose requests were all refused for its fill rate gets another chance.

    fill rate        (w * configured + fills) / (w + exposure). The exposure of a quote grows with the time it was open:
                     a short quote without a hit says little (`quotelife.recorder.exposure`)
    response time    mean and coefficient of variation of all hits, filled or late: without the late ones a short
                     lifetime would make the client look fast. The configured values count as w responses of that mean
                     and variation
    toxicity         sum of the 1 s markouts / (w + n), in ticks, positive when the market moves against the desk. The
                     markouts of a multileg are in its own ticks
    informed share   (w * configured + through) / (w + n), with n the fills whose 1 s markout is known and `through`
                     those whose markout exceeded the edge of the price over the mid at the receipt of the hit: one
                     second later the mid had passed the price
"""

import math

import numpy as np

from quotelife.config import Config
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_estimates import Row, configured_row
from quotelife.recorder.exposure import exposure
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S

# A fill rate of 1 would make the next hit certain, and Client Priority would wait for it without end. It can occur: the
# fast hits of a client configured as slow outweigh their exposure until its response time has been learnt.
MAX_FILL_RATE = 0.98


def response_bucket(response_ns: int) -> int:
    """Index into RESPONSES of a response time."""
    return min(max(response_ns - 1, 0) // L.FIRST_OCTAVE_NS, 2 ** (L.N_OCTAVES - 1) - 1).bit_length()


class ClientStatistics:
    """The rows of all clients, float64[n_clients, ROW_WORDS]. Times of events are wall-clock nanoseconds."""

    def __init__(self, config: Config) -> None:
        terms = [getattr(config.tier, client.tier) for client in config.client]
        self.names = [client.name for client in config.client]
        self.rows = np.stack([configured_row(c, t) for c, t in zip(config.client, terms, strict=True)])
        self.changed: set[int] = set()
        self._configured = self.rows.copy()
        self._weights = [t.weight for t in terms]
        self._half_life_s = config.recorder.half_life_s

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

    def count_pass(self, client: int) -> None:
        self.rows[client, L.PASSED] += 1
        self.changed.add(client)

    def add_markout(self, client: int, wall_ns: int, horizon: int, ticks: float, edge_ticks: float) -> None:
        """A markout of a fill at one of the horizons; `edge_ticks` is the edge of its price at the receipt."""
        row = self._decayed(client, wall_ns)
        row[L.S_MARKOUTS + horizon] += 1
        row[L.S_MARKOUT_TICKS + horizon] += ticks
        if horizon == L.ONE_SECOND:
            row[L.S_THROUGH] += ticks > edge_ticks

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
        row[L.FILL_RATE] = min((w * prior[L.FILL_RATE] + row[L.S_HITS]) / (w + row[L.S_EXPOSURE]), MAX_FILL_RATE)
        mean, cv = prior[L.RESPONSE_MS], prior[L.RESPONSE_CV]
        n = w + row[L.S_RESPONSES]
        measured = (w * mean + row[L.S_RESPONSE_MS]) / n
        square = (w * mean * mean * (1.0 + cv * cv) + row[L.S_RESPONSE_MS2]) / n
        row[L.RESPONSE_MS] = measured
        row[L.RESPONSE_CV] = math.sqrt(max(square - measured * measured, 0.0)) / measured
        n = w + row[L.S_MARKOUTS + L.ONE_SECOND]
        row[L.TOXICITY] = row[L.S_MARKOUT_TICKS + L.ONE_SECOND] / n
        row[L.INFORMED_SHARE] = (w * prior[L.INFORMED_SHARE] + row[L.S_THROUGH]) / n
        return row
