"""What the session's own messages tell an operator: who had to ask again, who began anew, whose clock is off.

Called by the engine's thread of the session, for Logon, Heartbeat, ResendRequest and their like; never for a quote.
"""

from typing import Protocol

from quotelife.fix import tags
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.runtime.clock import parse_utc_timestamp

RECEIVED, SENT = "received", "sent"


class _Fields(Protocol):
    def isSetField(self, tag: int) -> bool: ...

    def getField(self, tag: int) -> str: ...


class Message(_Fields, Protocol):
    """What is needed of the engine's message."""

    def getHeader(self) -> _Fields: ...


def received(message: Message, session: str, metrics: QuotingMetrics, wall_ns: int) -> None:
    """A session message of the client. The times on it are its clock's."""
    header = message.getHeader()
    if header.isSetField(tags.SendingTime):
        metrics.clock_offset(session, parse_utc_timestamp(header.getField(tags.SendingTime)) - wall_ns)
    if header.getField(tags.MsgType) == tags.LOGON and _is_yes(message, tags.ResetSeqNumFlag):
        metrics.sequence_reset(session, RECEIVED)
    _count(message, header, session, metrics, RECEIVED)


def sent(message: Message, session: str, metrics: QuotingMetrics) -> None:
    """One of ours. A Logon only answers: its ResetSeqNumFlag is the client's."""
    _count(message, message.getHeader(), session, metrics, SENT)


def _count(message: Message, header: _Fields, session: str, metrics: QuotingMetrics, direction: str) -> None:
    kind = header.getField(tags.MsgType)
    if kind == tags.RESEND_REQUEST:
        metrics.resend_requested(session, direction)
    elif kind == tags.SEQUENCE_RESET and not _is_yes(message, tags.GapFillFlag):
        metrics.sequence_reset(session, direction)


def _is_yes(message: _Fields, tag: int) -> bool:
    return message.isSetField(tag) and message.getField(tag) == "Y"
