"""What is counted and journalled of quotes, refusals, hits and ends. A quote itself is journalled before it is sent,
see `quotelife.rfq.quote_issuer`."""

from collections.abc import Mapping

from quotelife.decision import refusal
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import Reason
from quotelife.decision.request import BUY, SELL
from quotelife.journal import layout as J
from quotelife.journal.record_writer import NO_MODEL, Records
from quotelife.metrics.catalog import CANCEL_REASONS
from quotelife.rfq import quote_response
from quotelife.rfq.hit_handler import Deal
from quotelife.rfq.metrics import Meters
from quotelife.rfq.open_quotes import PASSED, OpenQuote
from quotelife.rfq.outcome import Answer, Decision, Session


class Bookkeeping:
    """Of one desk, under its lock. `sessions` by the client's SenderCompID."""

    def __init__(self, meters: Meters, records: Records, quoter: Quoter, sessions: Mapping[str, Session]) -> None:
        self._meters, self._records, self._quoter, self._sessions = meters, records, quoter, sessions

    def answered(self, answer: Answer, sent_ns: int) -> None:
        """Requests that were answered with quotes or refusals."""
        meters = self._meters
        model = NO_MODEL
        for decision in answer.decisions:
            meters.requested(1)
            if decision.quote is not None:
                model = decision.quote.quoted.model
                meters.quoted(decision.quote.quoted)
            elif decision.reason is not None:
                meters.refused(decision.reason.name)
                self._reject(answer, decision, decision.reason)
        if answer.decisions:
            meters.timed(model, answer.received_ns, answer.parsed_ns, answer.decided_ns, sent_ns)

    def dealt(self, answer: Answer, verdict: quote_response.Verdict) -> None:
        """A response that was not answered before."""
        quote, response = verdict.quote, verdict.response
        self._meters.hit(verdict.outcome)
        if verdict.outcome in ("passed", "countered"):
            return
        client = answer.client.index if answer.client is not None else -1
        ticks, lots, side, row, after_ns, until_ns = 0, 0, 0, -1, 0, 0
        if quote is not None:
            row, until_ns = quote.quoted.row, quote.quoted.valid_until_ns
            after_ns = answer.received_ns - quote.given_ns
            side = {"1": BUY, "2": SELL}.get(response.side, quote.quoted.side)
            ticks = quote.quoted.offer_ticks if side == BUY else quote.quoted.bid_ticks
            lots = quote.quoted.size_lots
        if verdict.fill is not None:
            side, lots = verdict.fill.side, verdict.fill.quantity_lots
        self._records.hit(
            verdict.outcome, answer.wall_ns, answer.received_ns, row, client, answer.session, side, ticks, lots,
            after_ns, until_ns, response.quote_id, response.id,
        )  # fmt: skip

    def passed(self, answer: Answer, deal: Deal) -> None:
        """A pass is journalled before it is confirmed, like a quote before it is sent."""
        verdict = deal.verdict
        quote = verdict.quote if verdict is not None and verdict.outcome == "passed" else None
        if verdict is not None and quote is not None and quote.state == PASSED:
            self._end(quote, J.KIND_PASS, 0, answer.wall_ns, answer.received_ns, verdict.response.id)

    def cancelled(self, quote: OpenQuote, reason: str, wall_ns: int, mono_now_ns: int) -> None:
        """A quote that was ended before its time; `reason` is one of CANCEL_REASONS."""
        self._meters.cancelled(reason)
        self._end(quote, J.KIND_CANCEL, CANCEL_REASONS.index(reason), wall_ns, mono_now_ns, "")

    def _end(self, quote: OpenQuote, kind: int, outcome: int, wall_ns: int, mono_now_ns: int, response_id: str) -> None:
        self._records.ended(
            kind, outcome, wall_ns, mono_now_ns, quote.quoted.row, quote.client.index,
            self._sessions[quote.session].number, quote.quoted.model, quote.quote_id, response_id,
        )  # fmt: skip

    def _reject(self, answer: Answer, decision: Decision, reason: Reason) -> None:
        """The record of a refused request, in which the kernel has left features and decisions if it ran."""
        related = decision.related
        decided = decision.scratch is not None and reason in (refusal.RISK, refusal.NOT_USEFUL)
        traded = self._quoter.traded.get(related.symbol) if related is not None else None
        self._records.reject(
            decision.scratch.record if decided and decision.scratch is not None else None,
            reason.name,
            answer.wall_ns,
            answer.received_ns,
            traded.row if traded is not None else -1,
            answer.client.index if answer.client is not None else -1,
            answer.session,
            related.side if related is not None else 0,
            answer.decided_ns - answer.parsed_ns,
            answer.request_id,
        )
