"""What is counted and journalled of quotes, refusals, hits and ends. A quote itself is journalled before it is sent,
see `quotelife.rfq.quote_issuer`."""

from collections.abc import Mapping

from quotelife.decision import refusal
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import RefusalReason
from quotelife.decision.request import BUY, SELL
from quotelife.journal import layout as J
from quotelife.journal.record_writer import NO_MODEL, RecordWriter
from quotelife.metrics.labels import CANCEL_REASONS
from quotelife.rfq import quote_response
from quotelife.rfq.hit_handler import PendingHit
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.rfq.open_quotes import PASSED, OpenQuote
from quotelife.rfq.outcome import Decision, Outcome, Session


class Bookkeeping:
    """Of one desk, under its lock. `sessions` by the client's SenderCompID."""

    def __init__(
        self, metrics: QuotingMetrics, records: RecordWriter, quoter: Quoter, sessions: Mapping[str, Session]
    ) -> None:
        self._metrics, self._records, self._quoter, self._sessions = metrics, records, quoter, sessions

    def answered(self, outcome: Outcome, sent_ns: int) -> None:
        """Requests that were answered with quotes or refusals."""
        metrics = self._metrics
        model = NO_MODEL
        for decision in outcome.decisions:
            metrics.requested(1)
            if decision.quote is not None:
                model = decision.quote.decision.model
                metrics.quoted(decision.quote.decision)
            elif decision.reason is not None:
                metrics.refused(decision.reason.name)
                self._reject(outcome, decision, decision.reason)
        if outcome.decisions:
            metrics.timed(model, outcome.received_ns, outcome.parsed_ns, outcome.decided_ns, sent_ns)

    def dealt(self, outcome: Outcome, verdict: quote_response.HitDecision) -> None:
        """A response that was not answered before."""
        quote, response = verdict.quote, verdict.response
        self._metrics.hit(verdict.outcome)
        if verdict.outcome in ("passed", "countered"):
            return
        client = outcome.client.index if outcome.client is not None else -1
        ticks, lots, side, row, after_ns, until_ns = 0, 0, 0, -1, 0, 0
        if quote is not None:
            row, until_ns = quote.decision.row, quote.decision.valid_until_ns
            after_ns = outcome.received_ns - quote.issued_ns
            side = {"1": BUY, "2": SELL}.get(response.side, quote.decision.side)
            ticks = quote.decision.offer_ticks if side == BUY else quote.decision.bid_ticks
            lots = quote.decision.size_lots
        if verdict.fill is not None:
            side, lots = verdict.fill.side, verdict.fill.quantity_lots
        self._records.hit(
            verdict.outcome, outcome.wall_ns, outcome.received_ns, row, client, outcome.session, side, ticks, lots,
            after_ns, until_ns, response.quote_id, response.id,
        )  # fmt: skip

    def passed(self, outcome: Outcome, pending_hit: PendingHit) -> None:
        """A pass is journalled before it is confirmed, like a quote before it is sent."""
        verdict = pending_hit.verdict
        quote = verdict.quote if verdict is not None and verdict.outcome == "passed" else None
        if verdict is not None and quote is not None and quote.state == PASSED:
            self._end(quote, J.KIND_PASS, 0, outcome.wall_ns, outcome.received_ns, verdict.response.id)

    def cancelled(self, quote: OpenQuote, reason: str, wall_ns: int, mono_now_ns: int) -> None:
        """A quote that was ended before its time; `reason` is one of CANCEL_REASONS."""
        self._metrics.cancelled(reason)
        self._end(quote, J.KIND_CANCEL, CANCEL_REASONS.index(reason), wall_ns, mono_now_ns, "")

    def _end(self, quote: OpenQuote, kind: int, outcome: int, wall_ns: int, mono_now_ns: int, response_id: str) -> None:
        self._records.ended(
            kind, outcome, wall_ns, mono_now_ns, quote.decision.row, quote.client.index,
            self._sessions[quote.session].number, quote.decision.model, quote.quote_id, response_id,
        )  # fmt: skip

    def _reject(self, outcome: Outcome, decision: Decision, reason: RefusalReason) -> None:
        """The record of a refused request, in which the kernel has left features and decisions if it ran."""
        related = decision.related
        decided = decision.buffers is not None and reason in (refusal.RISK, refusal.NOT_USEFUL)
        instrument = self._quoter.instruments.get(related.symbol) if related is not None else None
        self._records.reject(
            decision.buffers.record if decided and decision.buffers is not None else None,
            reason.name,
            outcome.wall_ns,
            outcome.received_ns,
            instrument.row if instrument is not None else -1,
            outcome.client.index if outcome.client is not None else -1,
            outcome.session,
            related.side if related is not None else 0,
            outcome.decided_ns - outcome.parsed_ns,
            outcome.request_id,
        )
