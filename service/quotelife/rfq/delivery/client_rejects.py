"""A client's Reject (3) or BusinessMessageReject (j): what it did not accept of what was sent to it.

RefSeqNum (45) names the message by its MsgSeqNum. The last messages of each session are kept for that; older
ExecutionReports are still in the engine's store, and BusinessRejectRefID (379) may name the ExecID of a fill in the
ledger. Such a message binds: a fill that its client does not accept is a position of the desk that the client does not
have, so somebody has to call.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from quotelife.fix import tags
from quotelife.ledger.store import Fill, Ledger
from quotelife.logs import LogEvent, event_logger
from quotelife.metrics.labels import CLIENT_REJECTS

logger = event_logger(__name__)
REJECT_TYPES = ("3", "j")
MAX_REMEMBERED = 256  # messages of a session, about 3 KB each
FILL, REFUSED_HIT, QUOTE, OTHER = CLIENT_REJECTS
_MAX_TEXT = 200


class RecentlySent:
    """The last messages sent to one session. One thread may read while others add.

    `number_of` reads the MsgSeqNum of the engine's message, which takes longer than all else here: so it is read only
    if the client rejects something."""

    def __init__(self, number_of: Callable[[Any], int], capacity: int = MAX_REMEMBERED) -> None:
        self._number_of = number_of
        self._messages: deque[tuple[Any, str]] = deque(maxlen=capacity)

    def add(self, sent: Any, text: str) -> None:
        """`sent` is the engine's message, `text` what it was made from."""
        self._messages.append((sent, text))

    def find(self, seq_num: int) -> str | None:
        """The text with a MsgSeqNum; the newest, since a session's numbers may start again."""
        newest_first = reversed(tuple(self._messages))
        return next((text for sent, text in newest_first if self._number_of(sent) == seq_num), None)

    def clear(self) -> None:
        """The session's numbers start again."""
        self._messages.clear()


class ClientReject(Struct, gc=False):
    """What a client did not accept, and why. `kind` is one of CLIENT_REJECTS; ids are empty where they are unknown."""

    kind: str
    msg_type: str  # of the client's message: 3 or j
    seq_num: int  # RefSeqNum (45), 0 if absent
    quote_id: str
    exec_id: str
    symbol: str
    reason: str

    def __str__(self) -> str:
        what = {
            FILL: f"fill {self.exec_id} of quote {self.quote_id}",
            REFUSED_HIT: f"the refusal {self.exec_id} of a hit on quote {self.quote_id}",
            QUOTE: f"quote {self.quote_id}",
        }.get(self.kind, f"message {self.seq_num}")
        return f"client did not accept {what}: {self.reason}"


class ClientRejects:
    """Of all sessions. `find_sent` finds what was sent to a session under a MsgSeqNum; it is the acceptor's."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self.find_sent: Callable[[str, int], str | None] = lambda session, seq_num: None

    def match(self, session: str, fields: Mapping[str, str]) -> ClientReject:
        """Match and log a reject. Reads from disk, so without the handler's lock."""
        reject = read_reject(fields, lambda seq_num: self.find_sent(session, seq_num), self._find_fill)
        level = logging.ERROR if reject.kind == FILL else logging.WARNING
        logger.log(level, LogEvent.CLIENT_REJECT, "%s: %s", session, reject, session=session)
        return reject

    def _find_fill(self, exec_id: str) -> Fill | None:
        return self._ledger.fill(exec_id) if self._ledger is not None else None


def read_reject(
    fields: Mapping[str, str], find_sent: Callable[[int], str | None], find_fill: Callable[[str], Fill | None]
) -> ClientReject:
    """The content of a Reject or BusinessMessageReject, matched to what was sent."""
    text = fields.get(str(tags.RefSeqNum), "")
    seq_num = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    sent = _fields(find_sent(seq_num)) if seq_num else {}
    kind = _kind(sent)
    reject = ClientReject(
        kind, fields["35"], seq_num, sent.get("117") or (sent.get("37", "") if kind in (FILL, REFUSED_HIT) else ""),
        sent.get("17", ""), sent.get("55", ""), _reason(fields),
    )  # fmt: skip
    reference = fields.get(str(tags.BusinessRejectRefID), "")
    if not sent and reference and (fill := find_fill(reference)) is not None:
        reject.kind, reject.quote_id, reject.exec_id, reject.symbol = FILL, fill.quote_id, fill.exec_id, fill.symbol
    return reject


def _kind(sent: Mapping[str, str]) -> str:
    msg_type = sent.get("35")
    if msg_type == "8":
        return FILL if sent.get("39") == "2" else REFUSED_HIT
    return QUOTE if msg_type == "S" else OTHER


def _reason(fields: Mapping[str, str]) -> str:
    """Text (58), the code of the reason and the field that it names."""
    parts = [fields.get("58", "no Text")[:_MAX_TEXT]]
    for tag, name in (("371", "RefTagID"), ("373", "SessionRejectReason"), ("380", "BusinessRejectReason")):
        if tag in fields:
            parts.append(f"{name} ({tag}) {fields[tag][:20]}")
    return ", ".join(parts)


def _fields(text: str | None) -> dict[str, str]:
    """First values by tag."""
    pairs = [field.partition("=") for field in (text or "").split("\x01") if field]
    return {tag: value for tag, _, value in reversed(pairs)}
