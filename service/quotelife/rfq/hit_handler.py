"""Answers to hits: decided in memory, made durable in the ledger, remembered once they have been sent.

    receive   decides; a quote that is to be filled is reserved               under the handler's lock
    store     writes fill, positions and answer to disk                       without it: no other session waits
    (the answer is sent)
    apply     the quote is filled, the answer is remembered                   under the lock

If the ledger cannot be written, the quote gets its state back and the client a refusal: nothing was promised. A
repeated response gets the same answer, also after a restart; another response under the same id is refused. Passes and
counters (QuoteRespType 6 and 2) go the same way.
"""

import sqlite3
import threading

import msgspec
from msgspec import Struct

from quotelife.ledger.quote_state import FILLED
from quotelife.ledger.store import Answer as StoredAnswer
from quotelife.ledger.store import Key, Ledger
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq.delivery.deliveries import poss_resend
from quotelife.rfq.delivery.drop_copies import DropCopies
from quotelife.rfq.open_quotes import OpenQuotes
from quotelife.rfq.quote_response import HitDecider, HitDecision, Response
from quotelife.rfq.terms.hit_checks import DUPLICATE_ORDER, OTHER, HitRefused
from quotelife.runtime.clock import mono_ns

logger = event_logger(__name__)
MAX_REMEMBERED = 4_096  # answers in memory, about 1 KB each; older ones are read from the ledger
_decode_messages = msgspec.json.Decoder(list[str]).decode
_encode_messages = msgspec.json.Encoder().encode


class PendingHit(Struct, gc=False):
    """The answer to one response, between its receipt and its sending. `decision` is None for a repeated response."""

    key: Key
    digest: int
    wall_ns: int
    messages: list[str]
    decision: HitDecision | None
    is_durable: bool = False
    copied_to: list[str] = []  # sessions for which there are copies in the ledger
    is_possible_resend: bool = False  # the same answer as before, which was copied then


class HitHandler:
    """Answers responses. `symbols` by row; `lock` is the handler's, held by the caller where said above."""

    def __init__(
        self,
        decider: HitDecider,
        open_quotes: OpenQuotes,
        ledger: Ledger | None,
        symbols: list[str],
        lock: threading.Lock,
        copies: DropCopies,
    ) -> None:
        self._decider, self._open_quotes, self._ledger = decider, open_quotes, ledger
        self._symbols, self._lock, self.copies = symbols, lock, copies
        self._answers: dict[Key, tuple[int, list[str]]] = {}  # digest of the response, messages

    def receive(self, response: Response, session: str, digest: int, wall_ns: int, received_ns: int) -> PendingHit:
        """Decide on a response."""
        key = session, response.msg_type, response.id
        earlier = self._answers.get(key) if response.id else None
        if earlier is not None:
            return self._repeat(key, digest, *earlier, response, wall_ns)
        decision = self._decider.decide(response, session, wall_ns, received_ns)
        return PendingHit(key, digest, wall_ns, decision.messages, decision)

    def fail(self, response: Response, session: str, wall_ns: int) -> PendingHit:
        """The answer where deciding has failed."""
        refusal = HitRefused(OTHER, "internal error; it has been logged", "failed")
        decision = self._decider.refused(response, None, refusal, wall_ns)
        return PendingHit((session, response.msg_type, response.id), 0, wall_ns, decision.messages, decision)

    def store(self, pending: PendingHit) -> int:
        """Make the answer and its copies durable, or replace it by one that promises nothing. Returns the ns it took, 0
        for no write. There are no copies of an answer that the ledger could not take."""
        decision, ledger = pending.decision, self._ledger
        if ledger is None:
            return 0
        started_ns = mono_ns()
        try:
            if decision is None or decision.result == "failed" or not decision.response.id:
                return mono_ns() - started_ns if self._record_copies(pending, ledger) else 0
            self._record(pending, decision, ledger)
        except sqlite3.IntegrityError:
            assert decision is not None
            self._release(decision)
            self._answer_from_ledger(pending, decision, ledger.answer_to(*pending.key))
            self._record_copies(pending, ledger)
        except Exception:
            logger.exception(LogEvent.LEDGER_WRITE_FAILED, "the ledger could not be written for %s", pending.key)
            if decision is not None and decision.fill is not None:
                self._release(decision)
                self._refuse(pending, decision)
        return mono_ns() - started_ns

    def _record(self, pending: PendingHit, decision: HitDecision, ledger: Ledger) -> None:
        messages = _encode_messages(pending.messages).decode()
        answer = StoredAnswer(*pending.key, pending.digest, messages, pending.wall_ns)
        copies = self.copies.of(pending.key[0], pending.messages, pending.wall_ns)
        if decision.fill is not None:
            changes = [(self._symbols[row], lots, ticks) for row, lots, ticks in decision.changes]
            ledger.record_fill(decision.fill, changes, answer, copies)
        else:
            ledger.record_refusal(answer, copies)
        pending.is_durable, pending.copied_to = True, [copy.session for copy in copies]

    def _record_copies(self, pending: PendingHit, ledger: Ledger) -> bool:
        """The copies of an answer that is not in the ledger itself, since its id was used before or is missing, or
        since deciding has failed. False if it has none."""
        if pending.is_possible_resend:
            return False
        copies = self.copies.of(pending.key[0], pending.messages, pending.wall_ns)
        if copies:
            try:
                ledger.record_copies(copies)
                pending.copied_to = [copy.session for copy in copies]
            except Exception:
                text = "the copies of the answer to %s could not be written"
                logger.exception(LogEvent.LEDGER_WRITE_FAILED, text, pending.key)
        return bool(copies)

    def apply(self, pending: PendingHit, decision: HitDecision) -> None:
        """Remember an answer that has been sent."""
        if decision.fill is not None and decision.quote is not None:
            decision.quote.state = FILLED
        if decision.response.id and decision.result != "failed":
            self._answers[pending.key] = pending.digest, pending.messages
            if len(self._answers) > MAX_REMEMBERED:
                del self._answers[next(iter(self._answers))]

    # --- answers in place of the one decided on

    def _release(self, decision: HitDecision) -> None:
        """Nothing is filled after all."""
        if decision.fill is not None and decision.quote is not None:
            with self._lock:
                self._open_quotes.release(decision.quote, decision.state_before, decision.changes)

    def _answer_from_ledger(self, pending: PendingHit, decision: HitDecision, earlier: StoredAnswer | None) -> None:
        """The ledger has an answer under this id already, or a fill of this quote."""
        if earlier is None:
            self._refuse(pending, decision)
            return
        stored = earlier.digest, _decode_messages(earlier.answer)
        with self._lock:
            repeated = self._repeat(pending.key, pending.digest, *stored, decision.response, pending.wall_ns)
        pending.messages, pending.decision = repeated.messages, None
        pending.is_possible_resend = repeated.is_possible_resend

    def _repeat(
        self, key: Key, digest: int, known: int, messages: list[str], response: Response, wall_ns: int
    ) -> PendingHit:
        """A repeated response gets the same answer, as a possible resend; another response under its id a refusal,
        which is not remembered."""
        if digest != known:
            text = f"{response.id_name} {response.id} was used before, for something else"
            refusal = HitRefused(DUPLICATE_ORDER, text)
            messages = self._decider.refused(response, None, refusal, wall_ns).messages
        else:
            messages = [poss_resend(text) for text in messages]
        return PendingHit(key, digest, wall_ns, messages, None, is_possible_resend=digest == known)

    def _refuse(self, pending: PendingHit, decision: HitDecision) -> None:
        text = "internal error; nothing was filled, and the quote stands until its ValidUntilTime"
        refusal = HitRefused(OTHER, text, "failed")
        with self._lock:
            pending.decision = self._decider.refused(decision.response, decision.quote, refusal, pending.wall_ns)
        pending.messages = pending.decision.messages
