"""Metrics from session messages: resend requests, sequence resets, the offset of a client's clock.

Called by the session's engine thread for Logon, Heartbeat, ResendRequest and so on; never for application messages.
"""

from contextlib import suppress
from typing import Protocol

from quotelife.fix import tags
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.runtime.clock import parse_utc_timestamp

RECEIVED, SENT = "received", "sent"


class _Fields(Protocol):
    def isSetField(self, tag: int) -> bool: ...

    def getField(self, tag: int) -> str: ...


class Message(_Fields, Protocol):
    """The part of the engine's message that is read here."""

    def getHeader(self) -> _Fields: ...


def received(message: Message, session: str, metrics: QuotingMetrics, wall_ns: int) -> None:
    """Record a session message from the client, whose SendingTime is by the client's clock."""
    header = message.getHeader()
    if header.isSetField(tags.SendingTime):
        with suppress(ValueError):  # the engine takes more for a time than this parser, leap seconds for example
            metrics.set_clock_offset(session, parse_utc_timestamp(header.getField(tags.SendingTime)) - wall_ns)
    if header.getField(tags.MsgType) == tags.LOGON and _is_yes(message, tags.ResetSeqNumFlag):
        metrics.count_sequence_reset(session, RECEIVED)
    _count(message, header, session, metrics, RECEIVED)


def sent(message: Message, session: str, metrics: QuotingMetrics) -> None:
    """Record a session message sent. ResetSeqNumFlag of a Logon is not counted: it repeats the client's."""
    _count(message, message.getHeader(), session, metrics, SENT)


def seq_num(message: Message) -> int:
    """MsgSeqNum (34)."""
    return int(message.getHeader().getField(tags.MsgSeqNum))


def next_expected(logon: _Fields) -> int:
    """NextExpectedMsgSeqNum (789) of a Logon; 0 if it is absent or no number."""
    tag = tags.NextExpectedMsgSeqNum
    text = logon.getField(tag) if logon.isSetField(tag) else ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _count(message: Message, header: _Fields, session: str, metrics: QuotingMetrics, direction: str) -> None:
    kind = header.getField(tags.MsgType)
    if kind == tags.RESEND_REQUEST:
        metrics.count_resend_request(session, direction)
    elif kind == tags.SEQUENCE_RESET and not _is_yes(message, tags.GapFillFlag):
        metrics.count_sequence_reset(session, direction)


def _is_yes(message: _Fields, tag: int) -> bool:
    return message.isSetField(tag) and message.getField(tag) == "Y"
