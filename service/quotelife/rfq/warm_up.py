"""Warm-up before the first Logon: compiles kernels, specialises code, touches memory.

A handler with files of its own, on a private board, answers a few hundred requests of every kind, and half of their
quotes are hit, half withdrawn.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from quotelife.config import Config, Instrument
from quotelife.config.paths import RunPaths
from quotelife.config.versions.succession import owners
from quotelife.fix.encode import Field, Identity, encode
from quotelife.fix.session import EXPECTED, IN_SEQUENCE, NEXT_OUT, SEQUENCE_WORDS
from quotelife.fix.versions import VERSIONS
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.monitor import MARKET_MOVED
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.outcome import QuoteIssued
from quotelife.rfq.plain.session import PlainSession
from quotelife.rfq.quote_margin import WATCH_ENTRY
from quotelife.runtime.clock import NS_PER_S, mono_ns, utc_timestamp, wall_ns
from quotelife_models.enums import BUY

ROUNDS = 150
_MID_TICKS, _LEVEL_LOTS = 1_000_000, 1_000_000


def warm_up(
    config: Config,
    make_handler: Callable[[Path], RfqHandler],
    compose: Callable[[str], object],
    memory: Path | None = None,
    connect: Callable[[str, RfqHandler, Path], Callable[[bytes], object] | None] | None = None,
) -> None:
    """Send `ROUNDS` of requests and hits through the handler that `make_handler` builds in a temporary folder.

    `compose` makes the engine's message from a text. The folder is created in `memory`, so that no write waits for a
    disk. `connect` gives what the bytes of a plain request go through, see `acceptor.common.acceptor`.
    """
    quotable = next((i for i in config.instrument if i.quotable), None)
    session = next((s for client in config.client if client.role == "quotes" for s in client.sessions), None)
    if quotable is None or session is None:
        return
    with TemporaryDirectory(dir=memory) as folder:
        handler = make_handler(Path(folder))
        board = live_board(config, RunPaths(Path(folder)).board)
        handler.quoter.board = board
        ask = connect(session, handler, Path(folder)) if connect is not None else None
        for n in range(ROUNDS):
            now_ns = mono_ns()
            board.beat(now_ns)
            board.venues[:, L.V_LAST_RECEIVED_NS] = now_ns
            for text in _requests(session, quotable, n):
                _handle(handler, text, compose)
            if ask is not None:
                ask(_raw_request(config, session, quotable, n + 1))
            else:
                _ask_on_wire(handler, session, _raw_request(config, session, quotable, n + 1), n + 1)


def _raw_request(config: Config, session: str, instrument: Instrument, seq_num: int) -> bytes:
    """A plain request as the native acceptor gets it."""
    begin_string = VERSIONS[owners(config)[session].version(session)].begin_string
    identity = Identity(session, config.acceptor.sender_comp_id, begin_string)
    fields: list[Field] = [(131, f"w{seq_num}"), (146, 1), (55, instrument.symbol), (54, 1), (38, instrument.lot)]
    return encode(identity, "R", seq_num, identity.sending_time(wall_ns()), fields)


def _ask_on_wire(handler: RfqHandler, session: str, request: bytes, seq_num: int) -> None:
    """With sequence numbers of its own."""
    plain, sequence = handler.plain.session(session), np.zeros(SEQUENCE_WORDS, np.int64)
    sequence[EXPECTED], sequence[NEXT_OUT], sequence[IN_SEQUENCE] = seq_num, seq_num, 1
    raw = np.frombuffer(request, np.uint8)
    plain.count_in(sequence)
    answered = handler.plain.answer_wire(plain, raw.ctypes.data, len(raw), wall_ns(), mono_ns())
    plain.count_in(None)
    if answered:
        handler.complete(plain, mono_ns())


def _handle(handler: RfqHandler, text: str, compose: Callable[[str], object]) -> None:
    answered = handler.plain.answer_text(text, wall_ns(), mono_ns())
    if answered is not None:
        _complete(handler, answered, compose)
        return
    outcome = handler.receive(text, wall_ns(), mono_ns())
    assert outcome is not None
    handler.store(outcome)
    for message in outcome.messages:
        compose(message)
    handler.apply(outcome, mono_ns())
    event = outcome.events[-1] if outcome.events else None
    if isinstance(event, QuoteIssued):
        _end(handler, event.quote, compose)


def _complete(handler: RfqHandler, answered: PlainSession, compose: Callable[[str], object]) -> None:
    compose(answered.text)
    handler.complete(answered, mono_ns())
    quote = handler.open_quotes.find(answered.quote_id)
    if quote is not None:
        _end(handler, quote, compose)


def _end(handler: RfqHandler, quote: OpenQuote, compose: Callable[[str], object]) -> None:
    """Withdraw the quote or hit it."""
    if quote.decision.side == BUY:
        _withdraw(handler, quote, compose)
    else:
        hit = _message("AJ", quote.session, f"693=h{quote.quote_id}|117={quote.quote_id}|694=1|54=1")
        _handle(handler, hit, compose)


def _withdraw(handler: RfqHandler, quote: OpenQuote, compose: Callable[[str], object]) -> None:
    """As if the monitor had found the quote."""
    if quote.slot < 0:  # withdrawals are off
        return
    handler.sessions[quote.session].is_logged_on = True
    found = quote.slot, int(handler.watchlist.table[quote.slot, WATCH_ENTRY]), MARKET_MOVED
    for outcome in handler.on_found([found], wall_ns(), mono_ns()):
        for message in outcome.messages:
            compose(message)
        handler.apply(outcome, mono_ns())


def _requests(session: str, instrument: Instrument, n: int) -> list[str]:
    related = f"55={instrument.symbol}|38={instrument.lot}"
    until = utc_timestamp(wall_ns() + NS_PER_S)
    return [
        _message("R", session, f"131=b{n}|146=1|{related}|54=1"),
        _message("R", session, f"131=s{n}|146=1|{related}|54=2|62={until}"),
        _message("R", session, f"131=t{n}|146=1|{related}"),
        _message("R", session, f"131=t{n}|146=1|{related}"),
        _message("R", session, f"131=u{n}|146=2|{related}|55=?|38=1"),
        _message("R", session, f"131=m{n}"),
    ]


def _message(msg_type: str, session: str, body: str) -> str:
    head = f"8=FIX.4.4|9=0|35={msg_type}|34=1|49={session}|52={utc_timestamp(wall_ns())}|56=Q"
    return f"{head}|{body}|10=000|".replace("|", "\x01")


def live_board(config: Config, path: Path) -> Board:
    """A board on which every instrument has ten levels a side."""
    now_ns = mono_ns()
    board = Board.create(path, len(config.instrument), now_ns)
    board.venues[:, L.V_STATE] = L.VENUE_UP
    for row in range(len(config.instrument)):
        initialise_row(board, row, venue=0, tick_size=1.0)
        words = board.rows[row]
        for at in (L.STATE_SINCE_NS, L.LAST_EVENT_NS, L.FIRST_EVENT_NS, L.TOP_SINCE_NS, L.SPREAD_T_NS):
            words[at] = now_ns
        words[L.FAST_SLICE], words[L.SLOW_SLICE] = now_ns // L.FAST_NS, now_ns // L.SLOW_NS
        words[L.N_BID] = words[L.N_ASK] = L.DEPTH
        for level in range(L.DEPTH):
            words[L.BID_PX + level], words[L.ASK_PX + level] = _MID_TICKS - 1 - level, _MID_TICKS + 1 + level
            words[L.BID_SZ + level] = words[L.ASK_SZ + level] = _LEVEL_LOTS
        words[L.MID2] = 2 * _MID_TICKS
        words[L.STATE] = L.BOOK_LIVE
    return board
