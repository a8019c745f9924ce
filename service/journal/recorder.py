"""The recorder: from the journal and the board to the history, the markouts and what is known of each client.

    journal --> Follower --> Recorder --+--> history.sqlite    quotes, hits, markouts, clients
                board ------------------+--> clients           estimates, shared memory

`turn` is called a few times a second. All that one turn takes from the journal is committed together with the place it
has come to: after a restart nothing is stored twice, and what the ring has overwritten meanwhile is counted.
"""

from collections.abc import Iterator
from pathlib import Path

from models import decide as D
from models import schema as S
from models.policy import MODELS
from models.reasons import REASONS
from service.board.board import Board, BoardError
from service.clock import NS_PER_S, mono_ns
from service.config import Config
from service.journal import layout as J
from service.journal.decided import sides, weaker
from service.journal.meters import Meters
from service.journal.ring import JournalError, Reader, Record
from service.ledger import history as H
from service.ledger.history import History
from service.ledger.markouts import REACH_NS, Marked, Markouts, Watched
from service.ledger.published import Publisher
from service.ledger.statistics import Statistics
from service.metrics.catalog import HIT_OUTCOMES, REFUSALS

EXPIRED_AFTER_NS = 2 * NS_PER_S  # a hit received in time may take so long to be journalled
_TIDY_NS = 10 * NS_PER_S  # between looks at what is too old, and at estimates that only fade
_DAY_NS = 86_400 * NS_PER_S
_BUYS = 1  # FIX Side (54)
_UNKNOWN = "unknown"


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
    def lost(self) -> int:
        """Records overwritten before they were read."""
        return self._lost + (self._reader.lost if self._reader is not None else 0)


class Recorder:
    """One writer of one history. Times: `now_ns` monotonic, `wall_ns` wall clock."""

    def __init__(self, config: Config, history: History, journal: Path, run_directory: Path, meters: Meters) -> None:
        self._history, self._meters = history, meters
        self._symbols = [i.symbol for i in config.instrument]
        self._sessions = [(n, s) for n, client in enumerate(config.client) for s in client.sessions]
        self._tiers = [client.tier for client in config.client]
        self._keep = config.recorder
        self._follower = Follower(journal, history.position)
        self._board_path = run_directory / "board"
        self._board: Board | None = None
        self._markouts = Markouts()
        self._tidied_ns = 0
        self.statistics = Statistics(config)
        for name, row in history.clients().items():
            if name in self.statistics.names:
                self.statistics.restore(self.statistics.names.index(name), row)
        self._publisher = Publisher(run_directory / "clients", self.statistics.names, self.statistics.rows)

    def resume(self, now_ns: int, wall_ns: int) -> None:
        """Take up the markouts of fills that an earlier run has left, where the board can still be asked."""
        for hit in self._history.unmarked():
            age_ns = wall_ns - hit.wall_ns
            same_boot = abs((now_ns - hit.mono_ns) - age_ns) < NS_PER_S
            known = hit.client in self.statistics.names and hit.symbol in self._symbols
            if known and same_boot and age_ns < REACH_NS:
                self._watch(hit.number, hit)
            else:
                self._meters.unseen()
                self._history.mark(hit.number, edge_ticks=None, horizon=-1, ticks=None, last=True)

    def turn(self, now_ns: int, wall_ns: int) -> None:
        """Store what is new, mark what is due, publish what has changed, commit."""
        for record in self._follower.read():
            self._store(record)
        self._meters.lost(self._follower.lost)
        self._attach()
        for marked in self._markouts.look(self._board, now_ns):
            self._mark(marked, wall_ns)
        self._history.expire(wall_ns - EXPIRED_AFTER_NS)
        if now_ns - self._tidied_ns > _TIDY_NS:
            self._tidied_ns = now_ns
            self._tidy(wall_ns)
        self._publish(wall_ns)
        position = self._follower.position
        if position is not None:
            self._history.position = position
        started_ns = mono_ns()
        self._history.commit()
        self._meters.committed(mono_ns() - started_ns)
        self._meters.beat()

    # --- the journal

    def _store(self, record: Record) -> None:
        words = record.words
        kind, client = int(words[J.KIND]), int(words[J.CLIENT])
        known = 0 <= client < len(self._tiers)
        if kind in (J.KIND_QUOTE, J.KIND_REJECT):
            self._store_request(record, client if known else None)
        elif kind in (J.KIND_FILL, J.KIND_HIT_REFUSED):
            self._store_hit(record, client if known else None)
        elif kind == J.KIND_CANCEL:
            because = _named(J.CANCEL_REASONS, words[J.OUTCOME])
            self._history.end(record.quote_id, H.WITHDRAWN, int(words[J.WALL_NS]), because)
        elif kind == J.KIND_PASS:
            self._history.end(record.quote_id, H.PASSED, int(words[J.WALL_NS]))
            if known:
                self.statistics.passed(client)
        self._meters.stored(kind)

    def _store_request(self, record: Record, client: int | None) -> None:
        words = record.words
        given, wall_ns = words[J.KIND] == J.KIND_QUOTE, int(words[J.WALL_NS])
        decided = sides(record)
        decisive = weaker(decided).decision if decided else None
        if given and decisive is not None:
            reason = REASONS[int(decisive[D.OUT_REASON])]
        else:
            reason = _named(REFUSALS, words[J.OUTCOME])
        quote = H.Quote(
            number=0,
            quote_id=record.quote_id or None,
            request_id=record.request_id,
            session=self._session(int(words[J.SESSION])),
            client=None if client is None else self.statistics.names[client],
            symbol=self._symbol(int(words[J.INSTRUMENT])),
            side=int(words[J.SIDE]),
            bid_ticks=int(words[J.BID_PX]),
            offer_ticks=int(words[J.OFFER_PX]),
            quantity_lots=int(words[J.QUANTITY]),
            legs=int(decided[0].context[S.LEGS]) if decided else 1,
            model=MODELS[words[J.MODEL]] if decided else None,
            reason=reason,
            lifetime_ns=int(words[J.LIFETIME_NS]) if given else 0,
            wall_ns=wall_ns,
            valid_until_ns=int(words[J.VALID_UNTIL_NS]),
            p_one_tick=max((float(s.decision[D.OUT_P_ONE_TICK]) for s in decided), default=None),
            p_pick_off=max((float(s.decision[D.OUT_P_PICK_OFF]) for s in decided), default=None),
            parameters=parameters_text(int(words[J.PARAMETERS])),
            state=H.OPEN if given else H.REFUSED,
            because=None,
            ended_ns=None,
        )
        self._history.add(quote, words.tobytes() if decided else None)
        if client is not None:
            self.statistics.requested(client)
            if decisive is not None and given:
                self.statistics.quoted(client, wall_ns, float(decisive[D.OUT_FILL]))

    def _store_hit(self, record: Record, client: int | None) -> None:
        words, quote_id = record.words, record.quote_id
        filled = words[J.KIND] == J.KIND_FILL
        outcome = "filled" if filled else _named(HIT_OUTCOMES, words[J.OUTCOME])
        wall_ns, response_ns, side = int(words[J.WALL_NS]), int(words[J.LIFETIME_NS]), int(words[J.SIDE])
        symbol = self._symbol(int(words[J.INSTRUMENT]))
        # The net price of several books has no mid on the board.
        has_mid = symbol is not None and self._history.legs(quote_id) == 1
        hit = H.Hit(
            number=0,
            quote_id=quote_id,
            response_id=record.request_id,
            outcome=outcome,
            client=None if client is None else self.statistics.names[client],
            symbol=symbol,
            side=side,
            price_ticks=int(words[J.OFFER_PX if side == _BUYS else J.BID_PX]),
            quantity_lots=int(words[J.QUANTITY]),
            wall_ns=wall_ns,
            mono_ns=int(words[J.MONO_NS]),
            response_ns=response_ns,
            unmarked=int(filled and client is not None and has_mid),
        )
        number = self._history.add_hit(hit)
        if filled:
            self._history.end(quote_id, H.FILLED, wall_ns)
        if hit.unmarked:
            self._watch(number, hit)
        if client is None:
            return
        if filled or outcome == "late":
            self.statistics.hit(client, wall_ns, response_ns, in_time=filled)
        else:
            self.statistics.refused(client)

    def _session(self, number: int) -> str | None:
        return self._sessions[number - 1][1] if 0 < number <= len(self._sessions) else None

    def _symbol(self, row: int) -> str | None:
        return self._symbols[row] if 0 <= row < len(self._symbols) else None

    # --- markouts

    def _watch(self, number: int, hit: H.Hit) -> None:
        assert hit.client is not None and hit.symbol is not None
        client, row = self.statistics.names.index(hit.client), self._symbols.index(hit.symbol)
        sign = 1 if hit.side == _BUYS else -1
        fill = Watched(number, client, row, sign, 2 * hit.price_ticks, hit.mono_ns)
        if hit.edge_ticks is not None:  # an earlier run has begun with it
            known = [n for n, ticks in enumerate(hit.markouts) if ticks is not None]
            fill.mid2 = fill.price2 - round(2 * sign * hit.edge_ticks)
            fill.horizon = max(known, default=-1) + 1
        self._markouts.add(fill)

    def _mark(self, marked: Marked, wall_ns: int) -> None:
        fill, horizon, ticks = marked.fill, marked.horizon, marked.ticks
        if horizon < 0:
            edge = None if marked.last else fill.edge_ticks
            self._history.mark(fill.number, edge_ticks=edge, horizon=-1, ticks=None, last=marked.last)
            if marked.last:
                self._meters.unseen()
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
        self._board = board if len(board.rows) == len(self._symbols) else None

    # --- the rest

    def _tidy(self, wall_ns: int) -> None:
        before_ns = wall_ns - int(self._keep.keep_days * _DAY_NS)
        self._meters.forgotten(self._history.forget(before_ns, self._keep.keep_rows))
        self.statistics.changed.update(range(len(self._tiers)))

    def _publish(self, wall_ns: int) -> None:
        for client in list(self.statistics.changed):
            row = self.statistics.estimate(client, wall_ns)
            self._publisher.write(client, row)
            self._history.keep_client(self.statistics.names[client], row)
            self._meters.estimated(client, row)
        self.statistics.changed.clear()


def _named(names: tuple[str, ...], index: int) -> str:
    """The name at an index that another version of the service may have written."""
    return names[index] if 0 <= index < len(names) else _UNKNOWN


def parameters_text(word: int) -> str:
    """The PARAMETERS word of a record as the digits of the hash that it was made from."""
    return (word & (2**64 - 1)).to_bytes(8, "little").hex()
