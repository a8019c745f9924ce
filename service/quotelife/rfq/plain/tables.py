"""The tables that the kernel reads, filled from what the handler uses.

follow       before each call: what others may have replaced, board, parameters, controls
configure    with each version of the configuration: sessions, instruments
provide      when the kernel has found something missing: terms of a client, a trading phase, room
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from quotelife.controls import layout as C
from quotelife.controls.region import Controls
from quotelife.decision import limits
from quotelife.decision.client_state import ClientState
from quotelife.decision.client_terms import ClientTerms
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import Quoter
from quotelife.journal.record_writer import RecordWriter
from quotelife.logs import LogEvent, event_logger
from quotelife.market.board.board import Board
from quotelife.market.book.orders import hash_bytes
from quotelife.rfq.message_ids import MessageIds
from quotelife.rfq.outcome import Session
from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.handler_state import HandlerState
from quotelife.rfq.plain.session import PlainSession, write_name
from quotelife.rfq.seen_request_ids import SeenRequestIds
from quotelife.shm.arrays import address_of

logger = event_logger(__name__)
Words = NDArray[np.int64]
_PLACES = 2  # a table of names has more than this many places for each name
_MAX_UNIT = 10**9  # of a grid that the kernels can read and write
_MAX_LOTS = 2**60


class PlainTables:
    """`inputs` int64[INPUT_WORDS]; `sessions` by name; `instruments` by row. Used under the handler's lock."""

    def __init__(
        self, quoter: Quoter, state: HandlerState, ids: MessageIds, seen: SeenRequestIds, journal: RecordWriter
    ) -> None:
        self._quoter, self._seen = quoter, seen
        self.inputs = np.zeros(P.INPUT_WORDS, np.int64)
        self.address = address_of(self.inputs, np.int64, "inputs")
        self.sessions: dict[str, PlainSession] = {}
        self.by_number: dict[int, PlainSession] = {}
        self.instruments: list[QuotedInstrument | None] = []
        self._board: Board | None = None
        self._table: NDArray[np.float64] | None = None
        self._policies: NDArray[np.float64] | None = None
        self._controls: Controls | None = None
        self._scratch = np.zeros(P.SCRATCH_WORDS, np.int64)
        self._alive: list[object] = [state, ids, seen, journal]  # what the addresses are of
        inputs = self.inputs
        inputs[P.IN_HANDLER] = address_of(state.words, np.int64, "state")
        inputs[P.IN_IDS] = address_of(ids.words, np.int64, "ids")
        inputs[P.IN_SEEN] = address_of(seen.words, np.int64, "seen")
        inputs[P.IN_LOTS] = quoter.exposure.lots.buffer_info()[0]
        inputs[P.IN_HASHES] = address_of(journal.hashes, np.int64, "hashes")
        inputs[P.IN_SCRATCH] = address_of(self._scratch, np.int64, "scratch")
        inputs[P.IN_JOURNAL], inputs[P.IN_SLOTS], inputs[P.IN_N_SLOTS] = journal.ring_addresses

    def follow(self) -> bool:
        """Read what the quoter uses now; False where it cannot quote."""
        quoter = self._quoter
        if (
            quoter.board is not self._board
            or quoter.table is not self._table
            or quoter.policies is not self._policies
            or quoter.controls is not self._controls
        ):
            try:
                self._bind()
            except Exception:
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while preparing answers")
                return False
        return self._board is not None

    def _bind(self) -> None:
        quoter, inputs = self._quoter, self.inputs
        board, table, policies, controls = quoter.board, quoter.table, quoter.policies, quoter.controls
        words = np.frombuffer(controls.words, np.int64)
        self._board = None  # until all is done
        if board is not None:
            inputs[P.IN_HEADER] = address_of(board.header, np.int64, "header")
            inputs[P.IN_VENUES] = address_of(board.venues, np.int64, "venues")
            inputs[P.IN_ROWS], inputs[P.IN_N_ROWS] = address_of(board.rows, np.int64, "rows"), len(board.rows)
        inputs[P.IN_TABLE], inputs[P.IN_N_TABLE] = address_of(table, np.float64, "table"), len(table)
        inputs[P.IN_POLICIES] = address_of(policies, np.float64, "policies")
        inputs[P.IN_CONTROLS], inputs[P.IN_N_CONTROLS] = address_of(words, np.int64, "controls"), len(words)
        inputs[P.IN_CONTROLS_CLIENTS] = C.clients_at(controls.n_instruments, 0)
        self._board, self._table, self._policies, self._controls = board, table, policies, controls
        self._control_words = words

    def configure(self, sessions: Iterable[Session]) -> None:
        """Answer requests of these sessions by the configuration that the quoter uses. Pairs are filled in anew."""
        quoter = self._quoter
        n_rows = len(quoter.config.instrument)
        self._pairs: dict[int, Words] = {}
        self._pair_words: list[Words] = []
        self._terms: list[ClientTerms] = []
        for known in self.sessions.values():
            known.retire()
        self.by_number = {}
        for session in sessions:
            client = session.client
            if client is None or session.role != "quotes":
                continue
            plain = self.session(session.name)
            pairs = self._pairs.setdefault(client.index, np.zeros(n_rows, np.int64))
            key = self._seen.key_of_session(session.name)
            plain.configure(quoter.config, client, session.number, pairs, key)
            plain.words[P.SESSION_IS_LIMITED] = quoter.exposure.limits_client(client.index)
            self.by_number[session.number] = plain
        plain_sessions = [each for each in self.by_number.values() if each.is_plain]
        self._session_names = _table_of((each.name, each.address) for each in plain_sessions)
        self.inputs[P.IN_SESSIONS] = address_of(self._session_names, np.int64, "sessions")
        self.inputs[P.IN_N_SESSIONS] = len(self._session_names)
        self._configure_instruments(n_rows)

    def _configure_instruments(self, n_rows: int) -> None:
        rows = np.zeros((n_rows, P.INSTRUMENT_WORDS), np.int64)
        self.instruments, symbols = [None] * n_rows, []
        for symbol, instrument in self._quoter.instruments.items():
            words = rows[instrument.row]
            if not write_name(words, P.INSTRUMENT_NAME, P.INSTRUMENT_NAME_LENGTH, symbol):
                continue
            prices, sizes = instrument.prices, instrument.sizes
            if max(prices.unit, sizes.unit) > _MAX_UNIT:
                continue
            words[P.INSTRUMENT_PARAMETERS] = instrument.parameters
            words[P.INSTRUMENT_MAX_POSITION_LOTS] = min(instrument.max_position_lots, _MAX_LOTS)
            words[P.INSTRUMENT_TICK_UNIT], words[P.INSTRUMENT_TICK_DECIMALS] = prices.unit, prices.decimals
            words[P.INSTRUMENT_LOT_UNIT], words[P.INSTRUMENT_LOT_DECIMALS] = sizes.unit, sizes.decimals
            self.instruments[instrument.row] = instrument
            symbols.append((symbol, instrument.row + 1))
        self._rows, self._symbol_names = rows, _table_of(symbols)
        self.inputs[P.IN_INSTRUMENTS] = address_of(rows, np.int64, "instruments")
        self.inputs[P.IN_N_INSTRUMENTS] = n_rows
        self.inputs[P.IN_SYMBOLS] = address_of(self._symbol_names, np.int64, "symbols")
        self.inputs[P.IN_N_SYMBOLS] = len(self._symbol_names)

    def session(self, name: str) -> PlainSession:
        """The session with this SenderCompID, the same object from configuration to configuration."""
        plain = self.sessions.get(name)
        if plain is None:
            plain = self.sessions[name] = PlainSession(name)
        return plain

    def provide(self, need: int, wall_ns: int) -> None:
        """Fill in what the kernel has found missing, one of NEEDS_."""
        row, number = int(self.inputs[P.OUT_ROW]), int(self.inputs[P.OUT_SESSION])
        instrument, client = self.instruments[row], self.by_number[number].client
        if need == P.NEEDS_ROOM:
            self._seen.grow()
            return
        assert instrument is not None and client is not None  # otherwise it would be asked for again and again
        if need == P.NEEDS_PAIR:
            self._add_pair(instrument, client)
        else:
            self._refresh_phase(instrument, wall_ns)

    def _add_pair(self, instrument: QuotedInstrument, client: ClientState) -> None:
        terms = self._quoter.terms(client, instrument)
        words = np.array([*terms.addresses, min(limits.max_lots(instrument, client), _MAX_LOTS)], np.int64)
        self._pair_words.append(words)
        self._terms.append(terms)
        self._pairs[client.index][instrument.row] = address_of(words, np.int64, "pair")

    def _refresh_phase(self, instrument: QuotedInstrument, wall_ns: int) -> None:
        phase, from_ns, until_ns = instrument.phases.span(wall_ns)
        words = self._rows[instrument.row]
        words[P.INSTRUMENT_PHASE], words[P.INSTRUMENT_PHASE_LIMIT_NS] = phase.code, phase.limit_ns
        words[P.INSTRUMENT_FROM_NS], words[P.INSTRUMENT_UNTIL_NS] = from_ns, until_ns


def _table_of(names: Iterable[tuple[str, int]]) -> Words:
    """A hash table of (name, value), open addressing with linear probing."""
    entries = list(names)
    table = np.zeros(1 << (_PLACES * len(entries)).bit_length(), np.int64)
    for name, value in entries:
        raw = np.frombuffer(name.encode(), np.uint8).copy()
        at = hash_bytes(raw, 0, len(raw)) & (len(table) - 1)
        while table[at]:
            at = (at + 1) & (len(table) - 1)
        table[at] = value
    return table
