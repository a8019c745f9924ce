"""The recorder: from the journal and the board to the history, the markouts and what is known of each client.

    journal --> Follower --> Recorder --+--> history.sqlite    quotes, hits, markouts, clients
                board ------------------+--> clients           estimates, shared memory
                                        +--> parameters        what `quotelife.recorder.learning` makes of it all

`turn` is called a few times a second. All that one turn takes from the journal is committed together with the place it
has come to: after a restart nothing is stored twice, and what the ring has overwritten meanwhile is counted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.journal import layout as J
from quotelife.journal.decided import Side, sides, weaker
from quotelife.journal.ring import JournalError, Reader, Record
from quotelife.ledger import history as H
from quotelife.ledger.client_region import Publisher
from quotelife.ledger.client_statistics import Statistics
from quotelife.ledger.exposure import Exposed, Exposures, Open
from quotelife.ledger.history import History
from quotelife.market.board.board import Board, BoardError
from quotelife.recorder.history_rows import LATE, Rows, ending
from quotelife.recorder.learning.learning import Learning
from quotelife.recorder.markouts import REACH_NS, Marked, Markouts, Watched
from quotelife.recorder.metrics import Meters
from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_models import schema as S
from quotelife_models.response import log_moments

if TYPE_CHECKING:
    from quotelife.recorder.capture_archive import Archive  # needs pyarrow, which only a capture does

EXPIRED_AFTER_NS = 2 * NS_PER_S  # a hit received in time may take so long to be journalled
_TIDY_NS = 10 * NS_PER_S  # between looks at what is too old, and at estimates that only fade
_DAY_NS = 86_400 * NS_PER_S
_BUYS = 1  # FIX Side (54)
_BY_CLIENT = "cancelled_by_client"  # of CANCEL_REASONS: a "no" like a pass


class Follower:
    """Reads the journal from where the last run stopped; takes up a new file when there is one."""

    def __init__(self, path: Path, position: tuple[int, int] | None) -> None:
        self._path, self._position = path, position
        self._reader: Reader | None = None
        self._inode = 0
        self._lost = 0  # in files that were replaced

    @property
    def position(self) -> tuple[int, int] | None:
        """(inode of the file, sequence number to be read next)."""
        return (self._inode, self._reader.position) if self._reader is not None else self._position

    def read(self) -> Iterator[Record]:
        """What is new. A file that was replaced is read to its end first: its writer is gone."""
        if self._reader is not None:
            yield from self._reader.read()
        try:
            inode = self._path.stat().st_ino
            if self._reader is not None and inode == self._inode:
                return
            reader = Reader(self._path, from_start=True)
        except (OSError, JournalError):
            return  # not there yet, or of a version that only another recorder reads
        if self._position is not None and self._reader is None and self._position[0] == inode:
            reader.position = min(self._position[1], reader.end)
        self._lost = self.lost
        self._reader, self._inode = reader, inode
        yield from reader.read()

    @property
    def waiting(self) -> int:
        """Records that `read` would give, unless the ring overwrites them first."""
        return self._reader.end - self._reader.position if self._reader is not None else 0

    @property
    def lost(self) -> int:
        """Records overwritten before they were read."""
        return self._lost + (self._reader.lost if self._reader is not None else 0)


class Recorder:
    """One writer of one history. Times: `now_ns` monotonic, `wall_ns` wall clock."""

    def __init__(
        self,
        config: Config,
        history: History,
        journal: Path,
        run_directory: Path,
        meters: Meters,
        archive: "Archive | None" = None,
        learning: Learning | None = None,
    ) -> None:
        self._history, self._meters, self._archive, self._learning = history, meters, archive, learning
        self._rows = Rows(config)
        self._tiers = [client.tier for client in config.client]
        self._keep = config.recorder
        self._position = history.position
        self._follower = Follower(journal, self._position)
        self._board_path = RunPaths(run_directory).board
        self._board: Board | None = None
        self._markouts = Markouts()
        self._exposures = Exposures()
        self._tidied_ns = 0
        self.statistics = Statistics(config)
        for name, row in history.clients().items():
            if name in self.statistics.names:
                self.statistics.restore(self.statistics.names.index(name), row)
        self._publisher = Publisher(RunPaths(run_directory).clients, self.statistics.names, self.statistics.rows)

    def resume(self, now_ns: int, wall_ns: int) -> None:
        """Take up what an earlier run has left: open quotes, and the markouts of fills where the board can still be
        asked."""
        for name, blob in self._history.open():
            record = Record()
            record.bytes[:] = np.frombuffer(blob, np.uint8)
            if name in self.statistics.names:
                client = self.statistics.names.index(name)
                self._exposures.opened(_opened(record, client, weaker(sides(record))))
        for hit in self._history.unmarked():
            age_ns = wall_ns - hit.wall_ns
            same_boot = abs((now_ns - hit.mono_ns) - age_ns) < NS_PER_S
            legs = self._legs(hit) if hit.client in self.statistics.names else ()
            if legs and same_boot and age_ns < REACH_NS:
                self._watch(hit.number, hit, legs)
            else:
                self._meters.unseen()
                self._history.mark(hit.number, edge_ticks=None, horizon=-1, ticks=None, last=True)

    def turn(self, now_ns: int, wall_ns: int) -> None:
        """Store what is new, mark what is due, publish what has changed, commit."""
        self._meters.behind(self._follower.waiting)
        for record in self._follower.read():
            self._store(record)
        self._meters.lost(self._follower.lost)
        self._attach()
        for marked in self._markouts.look(self._board, now_ns):
            self._mark(marked, wall_ns)
        self._history.expire(wall_ns - EXPIRED_AFTER_NS)
        for over in self._exposures.expire(wall_ns - EXPIRED_AFTER_NS):
            self._count(over, wall_ns)
        for client in list(self.statistics.changed):
            self._history.keep_client(self.statistics.names[client], self._publish(client, wall_ns))
        if now_ns - self._tidied_ns > _TIDY_NS:
            self._tidied_ns = now_ns
            self._tidy(wall_ns)
        self.statistics.changed.clear()
        position = self._follower.position
        if position is not None and position != self._position:
            self._history.position = self._position = position
        started_ns = mono_ns()
        self._history.commit()
        self._meters.committed(mono_ns() - started_ns)
        if self._archive is not None:
            self._archive.turn(now_ns)
        if self._learning is not None:
            self._learning.turn(self._board, now_ns, wall_ns)
        self._meters.beat()

    # --- the journal

    def _store(self, record: Record) -> None:
        words = record.words
        kind, client = int(words[J.KIND]), int(words[J.CLIENT])
        known = 0 <= client < len(self._tiers)
        if kind in (J.KIND_QUOTE, J.KIND_REJECT):
            self._store_request(record, client if known else None)
        elif kind == J.KIND_LEG:
            self._history.add_leg(self._rows.leg(record), record.words.tobytes())
        elif kind in (J.KIND_FILL, J.KIND_HIT_REFUSED):
            self._store_hit(record, client if known else None)
        elif kind in (J.KIND_CANCEL, J.KIND_PASS):
            state, ended_ns, because = ending(record)
            self._history.end(record.quote_id, state, ended_ns, because)
            no = kind == J.KIND_PASS or because == _BY_CLIENT
            self._count(self._exposures.ended(record.quote_id, ended_ns), ended_ns, no=no)
            if known and kind == J.KIND_PASS:
                self.statistics.passed(client)
        self._meters.stored(kind)
        if self._archive is not None:
            self._archive.record(record)

    def _store_request(self, record: Record, client: int | None) -> None:
        decided = sides(record)
        quote = self._rows.quote(record, decided)
        self._history.add(quote, record.words.tobytes() if decided else None)
        if self._learning is not None:
            self._learning.decided(record)
        if client is not None:
            self.statistics.requested(client)
            if decided and quote.state == H.OPEN:
                self.statistics.quoted(client)
                self._count(self._exposures.opened(_opened(record, client, weaker(decided))), quote.wall_ns)

    def _count(self, over: Exposed | None, wall_ns: int, no: bool = False) -> None:
        """A quote is over: what it says of its client's fill rate. `no`: the client has said so."""
        if over is not None:
            self.statistics.exposed(over.client, wall_ns, over.before, 1.0 if no else over.after)

    def _store_hit(self, record: Record, client: int | None) -> None:
        hit = self._rows.hit(record)
        filled = record.words[J.KIND] == J.KIND_FILL
        legs = self._legs(hit) if filled and client is not None else ()
        hit = hit._replace(unmarked=int(bool(legs)))
        number = self._history.add_hit(hit)
        if legs:
            self._watch(number, hit, legs)
        if filled:
            self._history.end(hit.quote_id, H.FILLED, hit.wall_ns)
            self._count(self._exposures.ended(hit.quote_id, hit.wall_ns), hit.wall_ns)
        if client is None:
            return
        if filled or hit.outcome == LATE:
            self._meters.hit(self._tiers[client], hit.response_ns, filled)
            self.statistics.hit(client, hit.wall_ns, hit.response_ns, in_time=filled)
        else:
            self.statistics.refused(client)

    # --- markouts

    def _legs(self, hit: H.Hit) -> tuple[tuple[int, int], ...]:
        """(row, weight) of what was dealt; none if that is not known."""
        rows = self._rows.symbols
        if hit.symbol is not None:
            return ((rows.index(hit.symbol), 1),) if hit.symbol in rows else ()
        legs = self._history.legs(hit.quote_id)
        known = all(leg.symbol in rows for leg in legs)
        return tuple((rows.index(leg.symbol), leg.weight) for leg in legs) if known else ()

    def _watch(self, number: int, hit: H.Hit, legs: tuple[tuple[int, int], ...]) -> None:
        assert hit.client is not None
        client = self.statistics.names.index(hit.client)
        sign = 1 if hit.side == _BUYS else -1
        fill = Watched(number, client, legs, sign, 2 * hit.price_ticks, hit.mono_ns)
        if hit.edge_ticks is not None:  # an earlier run has begun with it
            known = [n for n, ticks in enumerate(hit.markouts) if ticks is not None]
            fill.mid2 = fill.price2 - round(2 * sign * hit.edge_ticks)
            fill.horizon = max(known, default=-1) + 1
        self._markouts.add(fill)
        if self._archive is not None:
            self._archive.watched(number, hit)

    def _mark(self, marked: Marked, wall_ns: int) -> None:
        fill, horizon, ticks = marked.fill, marked.horizon, marked.ticks
        if self._archive is not None:
            self._archive.marked(fill.number, horizon, ticks, fill.edge_ticks, marked.last)
        if horizon < 0:
            edge = None if marked.last else fill.edge_ticks
            self._history.mark(fill.number, edge_ticks=edge, horizon=-1, ticks=None, last=marked.last)
            if marked.last:
                self._meters.unseen()
            else:
                self._meters.edge(self._tiers[fill.client], fill.edge_ticks)
            return
        self._history.mark(fill.number, edge_ticks=None, horizon=horizon, ticks=ticks, last=marked.last)
        if ticks is None:
            self._meters.unseen()
        else:
            self._meters.marked(self._tiers[fill.client], horizon, ticks)
            self.statistics.marked(fill.client, wall_ns, horizon, ticks, fill.edge_ticks)

    def _attach(self) -> None:
        """Use the newest board: its writer makes a new file when it starts."""
        try:
            inode = self._board_path.stat().st_ino
            if self._board is not None and self._board.inode == inode:
                return
            board = Board.attach(self._board_path)
        except (OSError, BoardError):
            return
        self._board = board if len(board.rows) == len(self._rows.symbols) else None

    # --- the rest

    def _tidy(self, wall_ns: int) -> None:
        """Forget what is too old, and let the estimates of clients that do nothing fade."""
        before_ns = wall_ns - int(self._keep.keep_days * _DAY_NS)
        self._meters.forgotten(self._history.forget(before_ns, self._keep.keep_rows))
        self._exposures.tidy(wall_ns)
        for client in range(len(self._tiers)):
            self._publish(client, wall_ns)

    def _publish(self, client: int, wall_ns: int) -> NDArray[np.float64]:
        row = self.statistics.estimate(client, wall_ns)
        self._publisher.write(client, row)
        self._meters.estimated(client, row)
        return row


def _opened(record: Record, client: int, lasting: Side) -> Open:
    """A quote as its exposure is counted; `lasting` is the side whose lifetime it has."""
    words, context = record.words, lasting.context
    mu, sigma = log_moments(float(context[S.CLIENT_RESPONSE]), float(context[S.CLIENT_RESPONSE_CV]))
    key = str(words[J.SESSION]), record.request_id, str(words[J.INSTRUMENT])
    until_ns, subscribed = int(words[J.VALID_UNTIL_NS]), bool(words[J.OUTCOME] == J.SUBSCRIBED)
    return Open(record.quote_id, client, key, int(words[J.WALL_NS]), until_ns, mu, sigma, subscribed)
