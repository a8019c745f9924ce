"""Sends the messages of outcomes, then applies their events: in the same order whatever the engine.

`send` sends the messages of an outcome, and returns whether the engine has accepted all of them. Nothing here may be
called with the handler's lock held."""

from collections.abc import Callable, Sequence

from quotelife.logs import LogEvent, event_logger
from quotelife.rfq.delivery.drop_copies import CopySender
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.outcome import Outcome
from quotelife.runtime.clock import mono_ns

logger = event_logger(__name__)
Send = Callable[[Outcome], bool]


def deliver(handler: RfqHandler, outcome: Outcome, send: Send, copies: CopySender) -> None:
    """Send the messages of an outcome, then apply its events."""
    accepted = False
    try:
        accepted = send(outcome)
    finally:
        sent_ns = mono_ns()
        if outcome.pending_hit is not None and outcome.pending_hit.copied_to:
            copies.put(outcome.pending_hit.copied_to)
        with handler.lock:
            handler.apply(outcome, sent_ns)
    if accepted:
        handler.mark_sent(outcome)


def deliver_all(
    handler: RfqHandler, outcomes: Sequence[Outcome], send: Send, can_send: Callable[[str], bool]
) -> None:  # fmt: skip
    """As `deliver`, for outcomes without hits, from a thread that serves all sessions and must not block on one:
    nothing is sent to a session that `can_send` refuses. All messages leave before the first event is applied."""
    sent_ns = []
    for outcome in outcomes:
        try:
            if outcome.messages and not can_send(outcome.session.name):
                outcome.messages = []
            send(outcome)
        except Exception:  # the other sessions' messages still leave
            logger.exception(LogEvent.UNEXPECTED_EXCEPTION, "exception while sending to %s", outcome.session.name)
        sent_ns.append(mono_ns())
    for outcome, at_ns in zip(outcomes, sent_ns, strict=True):
        with handler.lock:
            handler.apply(outcome, at_ns)
