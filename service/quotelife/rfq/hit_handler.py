"""Hits: from a response to a durable answer.

    receive   decided in memory; a quote that is to be filled is reserved        under the handler's lock
    store     fill, positions and answer go to disk                              without it: nobody else waits
    (the answer is sent)
    apply     the quote is filled, the answer is remembered, the journal told    under the lock

If the ledger cannot be written, the quote gets its state back and the client a refusal: nothing was promised. The same
response again gets the same answer, also after a restart; another one under the same id is refused.
"""

import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable

import msgspec
from msgspec import Struct

from quotelife.ledger.store import Answer as StoredAnswer
from quotelife.ledger.store import Key, Ledger
from quotelife.rfq.open_quotes import FILLED, OpenQuotes
from quotelife.rfq.quote_response import OTHER, TWICE, HitDecider, HitDecision, HitRefused, Response
from quotelife.runtime.clock import mono_ns

REMEMBERED = 4_096  # answers in memory, about 1 KB each; the ledger knows the others
_POSS_RESEND = "97=Y\x01"
_read_texts = msgspec.json.Decoder(list[str]).decode
_write_texts = msgspec.json.Encoder().encode


class PendingHit(Struct, gc=False):
    """One response on its way. `texts` is what is sent; `verdict` None if it was answered before."""

    key: Key
    digest: int
    wall_ns: int
    texts: list[str]
    verdict: HitDecision | None
    durable: bool = False


class HitHandler:
    """Answers responses. `symbols` by row; `lock` is the desk's, which is held by the caller where so said above."""

    def __init__(
        self,
        responder: HitDecider,
        open_quotes: OpenQuotes,
        ledger: Ledger | None,
        symbols: list[str],
        lock: threading.Lock,
    ) -> None:
        self._responder, self._open_quotes, self._ledger = responder, open_quotes, ledger
        self._symbols, self._lock = symbols, lock
        self._answered: dict[Key, tuple[int, list[str]]] = {}
        self._sent: list[Key] = []  # not yet noted in the ledger

    def receive(self, response: Response, session: str, digest: int, wall_ns: int, received_ns: int) -> PendingHit:
        """Decide. What `store` then has to do is in the pending hit."""
        key = session, response.msg_type, response.id
        earlier = self._answered.get(key) if response.id else None
        if earlier is not None:
            return self._repeat(key, digest, *earlier, response, wall_ns)
        verdict = self._responder.decide(response, session, wall_ns, received_ns)
        return PendingHit(key, digest, wall_ns, verdict.texts, verdict)

    def fail(self, response: Response, session: str, wall_ns: int) -> PendingHit:
        """The answer where deciding has failed."""
        refusal = HitRefused(OTHER, "internal error; it has been logged", "failed")
        verdict = self._responder.refused(response, None, refusal, wall_ns)
        return PendingHit((session, response.msg_type, response.id), 0, wall_ns, verdict.texts, verdict)

    def store(self, pending_hit: PendingHit) -> int:
        """Make the answer durable, or replace it by one that promises nothing; how many ns it took, 0 for nothing."""
        verdict, ledger = pending_hit.verdict, self._ledger
        if verdict is None or verdict.outcome == "failed" or ledger is None or not verdict.response.id:
            return 0
        started_ns = mono_ns()
        answer = StoredAnswer(
            *pending_hit.key, pending_hit.digest, _write_texts(pending_hit.texts).decode(), pending_hit.wall_ns
        )
        try:
            if verdict.fill is not None:
                changes = [(self._symbols[row], lots) for row, lots in verdict.changes]
                ledger.record_fill(verdict.fill, changes, answer)
            else:
                ledger.record_refusal(answer)
            pending_hit.durable = True
        except sqlite3.IntegrityError:
            self._replace(
                pending_hit, verdict, lambda: self._known(pending_hit, verdict, ledger.answer_to(*pending_hit.key))
            )
        except Exception:
            print(f"quoting: the ledger could not be written for {pending_hit.key}", file=sys.stderr, flush=True)
            traceback.print_exc(file=sys.stderr)
            if verdict.fill is not None:
                self._replace(pending_hit, verdict, lambda: self._failed(pending_hit, verdict))
        return mono_ns() - started_ns

    def apply(self, pending_hit: PendingHit) -> None:
        """Remember an answer that has left."""
        verdict = pending_hit.verdict
        if verdict is None:
            return
        if verdict.fill is not None and verdict.quote is not None:
            verdict.quote.state = FILLED
        if verdict.response.id and verdict.outcome != "failed":
            self._answered[pending_hit.key] = pending_hit.digest, pending_hit.texts
            if len(self._answered) > REMEMBERED:
                del self._answered[next(iter(self._answered))]

    # --- the outbox

    def mark_sent(self, key: Key) -> None:
        """The engine has taken the answer; `flush` writes it down."""
        self._sent.append(key)

    def flush(self) -> None:
        """Note in the ledger what has been sent since the last call."""
        if self._ledger is None or not self._sent:
            return
        sent, self._sent = self._sent, []
        try:
            self._ledger.mark_sent(sent)
        except sqlite3.Error as error:  # they will be sent once more, which does no harm
            print(f"quoting: {len(sent)} answers not noted as sent: {error}", file=sys.stderr, flush=True)

    def unsent(self, session: str) -> list[tuple[Key, list[str]]]:
        """Answers of which it is not known that the client has got them, with PossResend (97)."""
        if self._ledger is None:
            return []
        self.flush()
        answers = self._ledger.unsent_answers(session)
        return [((a.session, a.kind, a.id), [poss_resend(text) for text in _read_texts(a.answer)]) for a in answers]

    # --- answers in place of the one decided on

    def _replace(self, pending_hit: PendingHit, verdict: HitDecision, by: Callable[[], None]) -> None:
        """Nothing is filled after all, and something else is answered."""
        with self._lock:
            if verdict.fill is not None and verdict.quote is not None:
                self._open_quotes.release(verdict.quote, verdict.before, verdict.changes)
        by()

    def _known(self, pending_hit: PendingHit, verdict: HitDecision, earlier: StoredAnswer | None) -> None:
        """The ledger knew this id, or a fill of this quote."""
        if earlier is None:
            self._failed(pending_hit, verdict)
            return
        with self._lock:
            again = self._repeat(
                pending_hit.key,
                pending_hit.digest,
                earlier.digest,
                _read_texts(earlier.answer),
                verdict.response,
                pending_hit.wall_ns,
            )
        pending_hit.texts, pending_hit.verdict = again.texts, again.verdict

    def _repeat(
        self, key: Key, digest: int, known: int, texts: list[str], response: Response, wall_ns: int
    ) -> PendingHit:
        """The same response gets the same answer, as a possible resend; another under its id a refusal, which is not
        kept."""
        if digest != known:
            name = "ClOrdID (11)" if response.msg_type == "D" else "QuoteRespID (693)"
            refusal = HitRefused(TWICE, f"{name} {response.id} was used before, for something else")
            texts = self._responder.refused(response, None, refusal, wall_ns).texts
        else:
            texts = [poss_resend(text) for text in texts]
        return PendingHit(key, digest, wall_ns, texts, None)

    def _failed(self, pending_hit: PendingHit, verdict: HitDecision) -> None:
        refusal = HitRefused(OTHER, "internal error; nothing was filled, and the quote stands until its time", "failed")
        with self._lock:
            pending_hit.verdict = self._responder.refused(verdict.response, verdict.quote, refusal, pending_hit.wall_ns)
        pending_hit.texts = pending_hit.verdict.texts


def poss_resend(text: str) -> str:
    """The same message, which the client may have got before."""
    at = text.index("\x01", text.index("\x0135=") + 1) + 1
    return text[:at] + _POSS_RESEND + text[at:]
