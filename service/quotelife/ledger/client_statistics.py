"""What is known of each client: counts, response times, markouts, and the estimates that enter decisions.

The estimates start from what the configuration assumes, which counts for `weight` observations (w below), and move to
what is measured. n are sums that fade with a half-life, so a client about which nothing is learned any more goes back
to the assumptions: one that was refused everything for its fill rate gets another chance.

    fill rate        (w * assumed + fills) / (w + exposure). A quote's exposure grows with the time that it was open: a
                     short quote that is not hit says little (`quotelife.ledger.exposure`)
    response time    mean and standard deviation over mean, of hits in time and late: without the late ones a short
                     lifetime would make the client look fast. The assumption weighs in as w responses of its mean and
                     variation.
    toxicity         sum of the 1 s markouts / (w + n), in ticks, positive: the market moves against the desk. A
                     multileg's markouts are in its own ticks
    informed share   (w * assumed + through) / (w + n), with n the fills whose 1 s markout is known and `through` those
                     of them whose markout was greater than the edge that the price had over the mid at the receipt:
                     the mid had passed the price a second later
"""

import math

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Client, Config
from quotelife.config.sections import TierTerms
from quotelife.ledger import client_layout as L
from quotelife.ledger.exposure import exposure
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models import schema as S

Row = NDArray[np.float64]
_ESTIMATES = slice(L.FILL_RATE, L.INFORMED_SHARE + 1)
_CONTEXT = [
    S.CLIENT_FILL_RATE,
    S.CLIENT_RESPONSE,
    S.CLIENT_RESPONSE_CV,
    S.CLIENT_TOXICITY,
    S.CLIENT_INFORMED_SHARE,
]


def assumed(client: Client, terms: TierTerms) -> Row:
    """Row of a client of which nothing has been measured."""
    row = np.zeros(L.ROW_WORDS)
    row[L.FILL_RATE] = _first(client.fill_rate, terms.fill_rate)
    row[L.RESPONSE_MS] = _first(client.response_ms, terms.response_ms)
    row[L.RESPONSE_CV] = terms.response_cv
    row[L.INFORMED_SHARE] = _first(client.informed_share, terms.informed_share)
    return row


def fill_context(row: Row, context: NDArray[np.float64]) -> None:
    """Write the estimates of a row into the client's words of a decision's context, float64[N_CONTEXT]."""
    context[_CONTEXT] = row[_ESTIMATES]


def octave(response_ns: int) -> int:
    """Bucket of a response time."""
    return min(max(response_ns - 1, 0) // L.FIRST_OCTAVE_NS, 2 ** (L.N_OCTAVES - 1) - 1).bit_length()


# A fill rate of 1 would be certain of the next hit, and Client Priority would wait for it without end: fast hits of a
# client that was taken for slow count more than they are exposed, until its response time has been learnt.
MOST_FILL_RATE = 0.98


class Statistics:
    """The recorder's rows, float64[n_clients, ROW_WORDS]. Times of events are wall-clock nanoseconds."""

    def __init__(self, config: Config) -> None:
        terms = [getattr(config.tier, client.tier) for client in config.client]
        self.names = [client.name for client in config.client]
        self.rows = np.stack([assumed(c, t) for c, t in zip(config.client, terms, strict=True)])
        self.changed: set[int] = set()
        self._assumed = self.rows.copy()
        self._weights = [t.weight for t in terms]
        self._half_life_s = config.recorder.half_life_s

    def restore(self, client: int, row: Row) -> None:
        """Continue from a row kept earlier; the assumptions are those of today."""
        self.rows[client] = row
        self.changed.add(client)

    # --- events

    def requested(self, client: int) -> None:
        """A request, quoted or refused."""
        self.rows[client, L.REQUESTS] += 1
        self.changed.add(client)

    def quoted(self, client: int) -> None:
        """A quote was given."""
        self.rows[client, L.QUOTES] += 1
        self.changed.add(client)

    def exposed(self, client: int, wall_ns: int, before: float, after: float) -> None:
        """A quote is over. So far it, or its subscription, had allowed a share of the client's responses: `before` it,
        which has been counted, and `after` it, 1 after a "no"."""
        row = self._faded(client, wall_ns)
        r = row[L.FILL_RATE]
        row[L.S_EXPOSURE] += exposure(after, r) - exposure(before, r)

    def hit(self, client: int, wall_ns: int, response_ns: int, *, in_time: bool) -> None:
        """A hit that was filled, or came too late."""
        row = self._faded(client, wall_ns)
        row[L.FILLED if in_time else L.LATE] += 1
        row[L.RESPONSES + octave(response_ns)] += 1
        row[L.S_HITS] += in_time
        response_ms = response_ns / NS_PER_MS
        row[L.S_RESPONSES] += 1
        row[L.S_RESPONSE_MS] += response_ms
        row[L.S_RESPONSE_MS2] += response_ms * response_ms

    def refused(self, client: int) -> None:
        """A hit refused for something else than its time."""
        self.rows[client, L.REFUSED] += 1
        self.changed.add(client)

    def passed(self, client: int) -> None:
        """The client has passed on a quote."""
        self.rows[client, L.PASSED] += 1
        self.changed.add(client)

    def marked(self, client: int, wall_ns: int, horizon: int, ticks: float, edge_ticks: float) -> None:
        """The markout of a fill at one of the horizons has become known; `edge_ticks` is the price's at the receipt."""
        row = self._faded(client, wall_ns)
        row[L.S_MARKOUTS + horizon] += 1
        row[L.S_MARKOUT_TICKS + horizon] += ticks
        if horizon == L.ONE_SECOND:
            row[L.S_THROUGH] += ticks > edge_ticks

    def _faded(self, client: int, wall_ns: int) -> Row:
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
        row, prior, w = self._faded(client, wall_ns), self._assumed[client], self._weights[client]
        row[L.FILL_RATE] = min((w * prior[L.FILL_RATE] + row[L.S_HITS]) / (w + row[L.S_EXPOSURE]), MOST_FILL_RATE)
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


def markout(row: Row, horizon: int) -> tuple[float, float]:
    """(mean in ticks, number of fills it rests on, faded) of a client's markouts; NaN without any."""
    n = float(row[L.S_MARKOUTS + horizon])
    return (float(row[L.S_MARKOUT_TICKS + horizon]) / n if n > 0 else math.nan), n


def _first(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
