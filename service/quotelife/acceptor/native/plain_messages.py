"""Answers plain requests of one connection by the kernel; all that can follow the send follows it."""

from quotelife.acceptor.native.client_session import ClientSession
from quotelife.acceptor.native.outbox import Outbox
from quotelife.acceptor.native.plain_turn import (
    MONO_NS,
    NOT_RECEIVED,
    SENT,
    SENT_NS,
    START,
    WALL_NS,
    take_turn,
)
from quotelife.acceptor.native.receive_buffer import ReceiveBuffer
from quotelife.fix.session import NEXT_OUT
from quotelife.rfq.handler import RfqHandler

_NOWHERE = -1


class PlainMessages:
    """Of the messages in `buffer`. The session's numbers are counted by the kernel, too."""

    def __init__(self, buffer: ReceiveBuffer, outbox: Outbox, session: ClientSession, handler: RfqHandler) -> None:
        self._buffer, self._words, self._outbox = buffer, buffer.words, outbox
        self._session, self._handler, self._answerer = session, handler, handler.plain
        self._plain = handler.plain.session(session.name)
        self._plain.count_in(session.fix.sequence)
        self._numbers = session.fix.sequence.data
        self._declined_at = _NOWHERE

    def receive(self) -> bool:
        """Receive bytes, and answer the first message if it is a plain request; False if nothing was received."""
        self._declined_at = _NOWHERE
        return self._take_turn(True) != NOT_RECEIVED

    def answer(self) -> bool:
        """Answer the next message in the buffer; False if it is not a plain request."""
        return self._words[START] != self._declined_at and self._take_turn(False) > 0

    def _take_turn(self, receives: bool) -> int:
        session, handler, answerer, plain = self._session, self._handler, self._answerer, self._plain
        with session.lock, handler.lock:
            if not self._outbox.is_empty or not answerer.is_ready(plain):  # what waits comes first
                return NOT_RECEIVED
            n: int = take_turn(answerer.inputs, plain.address, self._buffer.address, receives)
            while NOT_RECEIVED < n < 0 and answerer.provide(n, self._words[WALL_NS]):
                n = take_turn(answerer.inputs, plain.address, self._buffer.address, False)
            if n > 0:
                self._complete(n)
            elif n != NOT_RECEIVED:
                self._declined_at = self._words[START]
        return n

    def _complete(self, length: int) -> None:
        """The kernel has sent a Quote of so many bytes, or what the socket has taken of it."""
        words, plain, session = self._words, self._plain, self._session
        self._buffer.skipped = 0
        self._answerer.answered(plain, words[WALL_NS], words[MONO_NS])
        if words[SENT] != length:
            self._outbox.write(bytes(plain.out_memory[max(words[SENT], 0) : length]))
        sent_ns = words[SENT_NS]
        session.fix.answered(sent_ns)
        session.recent.add(self._numbers[NEXT_OUT] - 1, str(plain.out_memory[:length], "ascii"))
        self._handler.complete(plain, sent_ns)
