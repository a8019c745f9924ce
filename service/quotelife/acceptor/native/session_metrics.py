"""Metrics from session messages: resend requests, sequence resets, the offset of a client's clock."""

from contextlib import suppress

from quotelife.fix import tags
from quotelife.fix.events import SessionMessage
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.runtime.clock import parse_utc_timestamp

RECEIVED, SENT = "received", "sent"


def received(message: SessionMessage, session: str, metrics: QuotingMetrics, wall_ns: int) -> None:
    """Record a session message from the client, whose SendingTime is by the client's clock."""
    values, msg_type = message.values, message.msg_type
    sent_at = values.get(tags.SendingTime)
    if sent_at is not None:
        with suppress(ValueError):  # a session takes more for a time than this parser, leap seconds for example
            metrics.set_clock_offset(session, parse_utc_timestamp(sent_at.decode("ascii", "replace")) - wall_ns)
    if msg_type == tags.RESEND_REQUEST:
        metrics.count_resend_request(session, RECEIVED)
    elif (msg_type == tags.LOGON and values.get(tags.ResetSeqNumFlag) == b"Y") or (
        msg_type == tags.SEQUENCE_RESET and values.get(tags.GapFillFlag) != b"Y"
    ):
        metrics.count_sequence_reset(session, RECEIVED)
