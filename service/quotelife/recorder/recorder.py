"""The recorder: from the journal and the board to the history, the markouts and the statistics of each client.

    journal --> JournalFollower --> Recorder --+--> history.sqlite    quotes, hits, markouts, clients
                board -------------------------+--> clients           estimates, shared memory
                                               +--> parameters        see `quotelife.recorder.learning`

`step` is called a few times a second. Everything that one step reads from the journal is committed together with its
position in the journal: after a restart nothing is stored twice, and the records that the ring has overwritten in the
meantime are counted.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.decision.refusal import REFUSALS
from quotelife.journal import layout as J
from quotelife.journal.follower import JournalFollower
from quotelife.journal.record import DecidedSide, Record, decisive_side
from quotelife.ledger.client_layout import EARLY_HORIZON, ONE_SECOND
from quotelife.ledger.client_region import ClientRegionWriter
from quotelife.ledger.history import HitRow
from quotelife.ledger.history_rows import HistoryRows, final_state, reported_pass
from quotelife.ledger.quote_state import FILLED, OPEN
from quotelife.market.board.board import Board
from quotelife.market.board.follower import BoardReader
from quotelife.market.board.passage import NOT_PASSED
from quotelife.metrics.labels import LOST_KINDS, WITHDRAWALS
from quotelife.recorder.client_statistics import ClientStatistics
from quotelife.recorder.exposure import EndedExposure, ExposedQuote, ExposureTracker
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.recorder.learning.learning import Learning
from quotelife.recorder.markouts import MAX_AGE_NS, Markout, MarkoutTracker, PendingMarkouts
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.withdrawal_moves import PendingMove, WithdrawalMoves
from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_models import schema as S
from quotelife_models.enums import BUY, SELL
from quotelife_models.response import log_moments

if TYPE_CHECKING:
    from quotelife.recorder.capture_archive import CaptureArchive  # needs pyarrow, which only a capture does
    from quotelife.recorder.traces import RequestTraces  # needs opentelemetry

EXPIRED_AFTER_NS = 2 * NS_PER_S  # a hit received in time may take so long to be journalled
_CLEANUP_NS = 10 * NS_PER_S  # between deletions of old rows, and updates of estimates that only decay
_DAY_NS = 86_400 * NS_PER_S
_LATE, _WITHDRAWN = "late", "withdrawn"  # of HIT_OUTCOMES
_MARKED_REFUSALS = (_LATE, _WITHDRAWN)  # refused hits with markouts: what a longer life of the quote would have brought
_BY_CLIENT = "cancelled_by_client"  # of CANCEL_REASONS; counts as a pass


class Recorder:
    """The only writer of a history. Times: `now_ns` monotonic, `wall_ns` wall clock."""

    def __init__(
        self,
        config: Config,
        history: HistoryWriter,
        journal: Path,
        run: RunPaths,
        metrics: RecorderMetrics,
        archive: "CaptureArchive | None" = None,
        learning: Learning | None = None,
        traces: "RequestTraces | None" = None,
    ) -> None:
        self._history, self._metrics, self._archive, self._learning = history, metrics, archive, learning
        self._traces = traces
        self._run = run
        self._rows = HistoryRows(config, REFUSALS)
        self._settings = config.recorder
        self._position = history.position
        self._follower = JournalFollower(journal, self._position)
        self._boards = BoardReader(run.board, len(self._rows.symbols))
        self._board: Board | None = None
        self._markouts = MarkoutTracker()
        self._moves = WithdrawalMoves()
        self._exposures = ExposureTracker()
        self._cleaned_ns = 0
        self.statistics = ClientStatistics(config)
        self._restore(set(self.statistics.names))
        self._publisher = ClientRegionWriter(run.clients, self.statistics.names, self.statistics.rows)

    def configure(self, config: Config) -> None:
        """Go on with another version of the configuration, which has the same instruments and all clients of the one
        before, in the same order."""
        new = self.statistics.configure(config)
        self._restore(new)
        self._metrics.extend(self.statistics.names)
        self._publisher = ClientRegionWriter(self._run.clients, self.statistics.names, self.statistics.rows)

    def _restore(self, names: set[str]) -> None:
        """Continue with the statistics that an earlier run has left of these clients."""
        for name, row in self._history.client_rows().items():
            client = self.statistics.number(name)
            if client is not None and name in names:
                self.statistics.restore(client, row)

    def resume(self, now_ns: int, wall_ns: int) -> None:
        """Continue with what an earlier run has left: open quotes, and the markouts of hits that the board still
        covers."""
        for name, raw in self._history.open_quotes():
            record = Record.from_bytes(raw)
            if (client := self.statistics.number(name)) is not None:
                self._exposures.open(_exposed_quote(record, client, decisive_side(record.sides)))
        for hit in self._history.hits_without_markouts():
            age_ns = wall_ns - hit.wall_ns
            same_boot = abs((now_ns - hit.mono_ns) - age_ns) < NS_PER_S
            legs = self._legs(hit.quote_id, hit.symbol) if self.statistics.number(hit.client) is not None else ()
            if legs and same_boot and age_ns < MAX_AGE_NS:
                self._expect_markouts(hit.number, hit, legs)
            else:
                if hit.outcome not in _MARKED_REFUSALS:
                    self._metrics.count_unknown_markout()
                self._history.store_markout(hit.number, edge_ticks=None, horizon=-1, ticks=None, last=True)

    def step(self, now_ns: int, wall_ns: int) -> None:
        """Store new records, compute the markouts that are due, publish changed statistics, commit."""
        self._metrics.set_lag(self._follower.waiting)
        for record in self._follower.read():
            self._store(record)
        self._metrics.set_lost(self._follower.lost)
        self._attach_board()
        for markout in self._markouts.poll(self._board, now_ns):
            self._store_markout(markout, wall_ns)
        for quote_id, ticks in self._moves.poll(self._board, now_ns):
            self._history.store_move(quote_id, ticks)
        self._history.expire_quotes(wall_ns - EXPIRED_AFTER_NS)
        for ended in self._exposures.expire(wall_ns - EXPIRED_AFTER_NS):
            self._add_exposure(ended, wall_ns)
        for client in list(self.statistics.changed):
            self._history.store_client(self.statistics.names[client], self._publish(client, wall_ns))
        if now_ns - self._cleaned_ns > _CLEANUP_NS:
            self._cleaned_ns = now_ns
            self._clean_up(wall_ns)
        self.statistics.changed.clear()
        position = self._follower.position
        if position is not None and position != self._position:
            self._history.position = self._position = position
        started_ns = mono_ns()
        self._history.commit()
        self._metrics.observe_commit(mono_ns() - started_ns)
        if self._archive is not None:
            self._archive.step(now_ns)
        if self._learning is not None:
            self._learning.step(self._board, now_ns, wall_ns)
        if self._traces is not None:
            self._traces.expire(wall_ns - EXPIRED_AFTER_NS)
        self._metrics.beat()

    # --- the journal

    def _store(self, record: Record) -> None:
        kind, client = record.kind, self.statistics.number(self._rows.names.client(record))
        if kind == J.KIND_CONFIGURATION:
            self._metrics.count_record(kind)
            return
        if kind in (J.KIND_QUOTE, J.KIND_REJECT, J.KIND_INDICATIVE):
            self._store_request(record, client)
        elif kind == J.KIND_LEG:
            self._history.add_leg(self._rows.leg(record), record.words.tobytes())
        elif kind == J.KIND_TERMS:
            self._history.add_terms(record.quote_id, record.wall_ns, record.terms)
        elif kind in (J.KIND_FILL, J.KIND_HIT_REFUSED):
            self._store_hit(record, client)
        elif kind == J.KIND_CLIENT_REJECT:
            self._history.add_client_reject(self._rows.client_reject(record))
        elif kind in (J.KIND_CANCEL, J.KIND_PASS):
            state, ended_ns, because = final_state(record)
            self._history.end_quote(record.quote_id, state, ended_ns, because)
            if because in WITHDRAWALS:
                self._store_withdrawal(record, because)
            declined = kind == J.KIND_PASS or because == _BY_CLIENT
            self._add_exposure(self._exposures.end(record.quote_id, ended_ns), ended_ns, declined=declined)
            if kind == J.KIND_PASS:
                self._store_pass(record, client)
            elif client is not None and record.board_change_ns > 0:
                self.statistics.add_withdrawal(client, ended_ns, record.mono_ns - record.board_change_ns)
        self._metrics.count_record(kind)
        if self._archive is not None:
            self._archive.add_record(record)
        if self._traces is not None:
            self._traces.add(record)

    def _store_pass(self, record: Record, client: int | None) -> None:
        row = reported_pass(record)
        self._history.add_pass(row)
        if client is not None:
            self.statistics.add_pass(client, row.wall_ns, lost=row.kind in LOST_KINDS)

    def _store_withdrawal(self, record: Record, because: str) -> None:
        self._history.add_withdrawal(record.quote_id, because, record.wall_ns)
        quoted = self._history.record(record.quote_id)
        if quoted is not None:
            legs = self._legs(record.quote_id, self._rows.symbol(record))
            self._moves.add(PendingMove(record.quote_id, legs, quoted.mono_ns, record.mono_ns))

    def _store_request(self, record: Record, client: int | None) -> None:
        sides = record.sides
        quote = self._rows.quote(record, sides)
        self._history.add_quote(quote, record.words.tobytes() if sides else None)
        if self._learning is not None:
            self._learning.add_decision(record)
        if client is not None:
            self.statistics.count_request(client)
            if sides and quote.state == OPEN:
                self.statistics.count_quote(client)
                exposed = _exposed_quote(record, client, decisive_side(sides))
                self._add_exposure(self._exposures.open(exposed), quote.wall_ns)

    def _add_exposure(self, ended: EndedExposure | None, wall_ns: int, declined: bool = False) -> None:
        """Count the exposure of an ended quote towards its client's fill rate. `declined` by the client itself."""
        if ended is not None:
            self.statistics.add_exposure(ended.client, wall_ns, ended.before, 1.0 if declined else ended.after)

    def _store_hit(self, record: Record, client: int | None) -> None:
        hit = self._rows.hit(record)
        filled = record.kind == J.KIND_FILL
        is_first = filled or self._is_first_refused(hit)
        legs = self._legs(hit.quote_id, hit.symbol) if is_first and client is not None else ()
        hit = hit._replace(unmarked=int(bool(legs)))
        number = self._history.add_hit(hit)
        raced = is_first and record.board_change_ns > 0
        reaction_ns = hit.mono_ns - record.board_change_ns if raced else None
        if legs:
            may_be_early = record.board_change_ns == NOT_PASSED
            self._expect_markouts(number, hit, legs, may_be_early, None if filled else reaction_ns)
        if filled:
            self._history.end_quote(hit.quote_id, FILLED, hit.wall_ns)
            self._add_exposure(self._exposures.end(hit.quote_id, hit.wall_ns), hit.wall_ns)
        if client is None:
            return
        if filled or hit.outcome == _LATE:
            self._metrics.observe_hit(self.statistics.tiers[client], hit.response_ns, filled)
            self.statistics.add_hit(client, hit.wall_ns, hit.response_ns, in_time=filled)
        else:
            self.statistics.count_refused_hit(client)
        if filled and reaction_ns is not None:  # the market was through; a refused hit shows only later whether it was
            self.statistics.add_reaction(client, hit.wall_ns, reaction_ns)

    def _is_first_refused(self, hit: HitRow) -> bool:
        """Whether this is the first hit on a withdrawn or expired quote, for a side that was quoted: a client may try
        again."""
        is_quoted = hit.side in (BUY, SELL) and hit.price_ticks != 0
        return hit.outcome in _MARKED_REFUSALS and is_quoted and not self._history.has_hit(hit.quote_id, hit.outcome)

    # --- markouts

    def _legs(self, quote_id: str, symbol: str | None) -> tuple[tuple[int, int], ...]:
        """(row, weight) of what was quoted, of `symbol` or a multileg; empty if that is not known."""
        rows = self._rows.symbols
        if symbol is not None:
            return ((rows.index(symbol), 1),) if symbol in rows else ()
        legs = self._history.legs(quote_id)
        known = all(leg.symbol in rows for leg in legs)
        return tuple((rows.index(leg.symbol), leg.weight) for leg in legs) if known else ()

    def _expect_markouts(
        self,
        number: int,
        hit: HitRow,
        legs: tuple[tuple[int, int], ...],
        may_be_early: bool = False,
        reaction_ns: int | None = None,
    ) -> None:
        client = self.statistics.number(hit.client)
        assert client is not None
        sign = 1 if hit.side == BUY else -1
        filled, late = hit.outcome not in _MARKED_REFUSALS, hit.outcome == _LATE
        pending = PendingMarkouts(
            *(number, client, legs, sign, 2 * hit.price_ticks, hit.mono_ns, filled, may_be_early, reaction_ns),
            late=late,
        )
        if hit.edge_ticks is not None:  # an earlier run has stored the first of them
            known = [n for n, ticks in enumerate(hit.markouts) if ticks is not None]
            pending.mid2 = pending.price2 - round(2 * sign * hit.edge_ticks)
            pending.horizon = max(known, default=-1) + 1
        self._markouts.add(pending)
        if filled and self._archive is not None:
            self._archive.expect_markouts(number, hit)

    def _store_markout(self, markout: Markout, wall_ns: int) -> None:
        hit, horizon, ticks = markout.hit, markout.horizon, markout.ticks
        edge = hit.edge_ticks if horizon < 0 and not markout.last else None
        self._history.store_markout(hit.number, edge_ticks=edge, horizon=horizon, ticks=ticks, last=markout.last)
        if hit.filled:
            self._count_markout(markout, wall_ns)
        elif horizon == ONE_SECOND and ticks is not None and not hit.late:
            informed = self.statistics.add_withdrawn_hit(hit.client, wall_ns, ticks, hit.edge_ticks)
            if informed and hit.reaction_ns is not None:
                self.statistics.add_reaction(hit.client, wall_ns, hit.reaction_ns)

    def _count_markout(self, markout: Markout, wall_ns: int) -> None:
        """Count a markout of a fill."""
        fill, horizon, ticks = markout.hit, markout.horizon, markout.ticks
        tier = self.statistics.tiers[fill.client]
        if self._archive is not None:
            self._archive.add_markout(fill.number, horizon, ticks, fill.edge_ticks, markout.last)
        if horizon < 0 and not markout.last:
            self._metrics.count_edge(tier, fill.edge_ticks)
        elif ticks is None:
            self._metrics.count_unknown_markout()
        else:
            self._metrics.count_markout(tier, horizon, ticks)
            self.statistics.add_markout(fill.client, wall_ns, horizon, ticks, fill.edge_ticks)
            if horizon == EARLY_HORIZON and fill.may_be_early and ticks > fill.edge_ticks:
                self.statistics.add_reaction(fill.client, wall_ns, 0)

    def _attach_board(self) -> None:
        """Use the newest board: its writer makes a new file when it starts."""
        self._board = self._boards.poll()

    # --- housekeeping

    def _clean_up(self, wall_ns: int) -> None:
        """Delete old rows, and let the estimates of inactive clients decay."""
        before_ns = wall_ns - int(self._settings.keep_days * _DAY_NS)
        self._metrics.count_deleted(self._history.delete_old(before_ns, self._settings.keep_rows))
        self._exposures.forget_ended(wall_ns)
        for client in range(len(self.statistics.names)):
            self._publish(client, wall_ns)

    def _publish(self, client: int, wall_ns: int) -> NDArray[np.float64]:
        row = self.statistics.estimate(client, wall_ns)
        self._publisher.write(client, row)
        self._metrics.set_estimates(client, row)
        return row


def _exposed_quote(record: Record, client: int, side: DecidedSide) -> ExposedQuote:
    """The exposure of a quote to its client; `side` is the one whose lifetime it has."""
    mu, sigma = log_moments(float(side.context[S.CLIENT_RESPONSE]), float(side.context[S.CLIENT_RESPONSE_CV]))
    return ExposedQuote(
        record.quote_id,
        client,
        (str(record.session), record.request_id, str(record.row)),
        record.wall_ns,
        record.valid_until_ns,
        mu,
        sigma,
        record.is_subscribed,
    )
