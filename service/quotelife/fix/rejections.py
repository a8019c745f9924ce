"""Rejections of the peer's messages: their bodies, and how many may be sent.

A peer that sends what we do not understand does so again and again: answers at its rate would count against its limits.
"""

from collections import deque
from collections.abc import Callable

from quotelife.fix import tags
from quotelife.fix.dictionary import FieldProblem
from quotelife.fix.encode import Body, Field
from quotelife.fix.fields import as_text
from quotelife.fix.normalise import ReceivedMessage

_NS = 1_000_000_000
_PER_SECOND = 4  # of each kind
_ROUTING = {115: 128, 116: 129, 128: 115, 129: 116, 144: 145, 145: 144}
_TEXTS = {  # of a client's Reject by SessionRejectReason
    tags.REQUIRED_TAG_MISSING: "Required tag missing",
    tags.VALUE_IS_INCORRECT: "Value is incorrect (out of range) for this tag",
    tags.INCORRECT_DATA_FORMAT: "Incorrect data format for value",
    tags.COMPID_PROBLEM: "CompID problem",
    tags.SENDINGTIME_ACCURACY_PROBLEM: "SendingTime accuracy problem",
    tags.INVALID_MSGTYPE: "Invalid MsgType",
    tags.TAG_APPEARS_MORE_THAN_ONCE: "Tag appears more than once",
}
_BUSINESS_TEXTS = {
    tags.UNSUPPORTED_MESSAGE_TYPE: "Unsupported Message Type",
    tags.CONDITIONALLY_REQUIRED_FIELD_MISSING: "Conditionally Required Field Missing",
}


def reject_body(ref_seq_num: int, msg_type: str, reason: int, text: str) -> Body:
    """Body of a Reject (3)."""
    return (
        (tags.RefSeqNum, ref_seq_num),
        (tags.RefMsgType, msg_type),
        (tags.SessionRejectReason, reason),
        (tags.Text, text),
    )


def business_reject_body(ref_seq_num: int, msg_type: str, reason: int) -> Body:
    """Body of a BusinessMessageReject (j)."""
    return (tags.RefSeqNum, ref_seq_num), (tags.RefMsgType, msg_type), (tags.BusinessRejectReason, reason)


def client_reject_body(refused: ReceivedMessage, problem: FieldProblem) -> Body:
    """Body of a Reject (3) of a client's message, and the header fields with which it goes back the way that came.

    SessionRejectReason ends at 11 in FIX.4.2."""
    header = refused.values
    body: list[Field] = sorted((_ROUTING[tag], as_text(header[tag])) for tag in header.keys() & _ROUTING if header[tag])
    seq_num = as_text(header.get(tags.MsgSeqNum))
    if seq_num:
        body.append((tags.RefSeqNum, seq_num))
    body.append((tags.Text, _TEXTS[problem.reason]))
    if problem.tag:
        body.append((tags.RefTagID, problem.tag))
    if refused.msg_type:
        body.append((tags.RefMsgType, refused.msg_type))
    if header[tags.BeginString] != b"FIX.4.2" or problem.reason <= tags.INVALID_MSGTYPE:
        body.append((tags.SessionRejectReason, problem.reason))
    return tuple(body)


def client_business_reject_body(refused: ReceivedMessage, reason: int, tag: int = 0) -> Body:
    """Body of a BusinessMessageReject (j) of a client's message, for a field or for all of it (0)."""
    text = _BUSINESS_TEXTS[reason] + (f" ({tag})" if tag else "")
    return (
        (tags.RefSeqNum, as_text(refused.values.get(tags.MsgSeqNum))),
        (tags.Text, text),
        (tags.RefMsgType, refused.msg_type),
        (tags.BusinessRejectReason, reason),
    )


class _Latest:
    """Allows at most `count` in any interval of this length."""

    def __init__(self, count: int, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._times_ns: deque[int] = deque(maxlen=count)

    def allows(self, now_ns: int) -> bool:
        times = self._times_ns
        return len(times) < (times.maxlen or 0) or (bool(times) and now_ns - times[0] >= self._interval_ns)

    def count(self, now_ns: int) -> None:
        self._times_ns.append(now_ns)


class RejectionLimit:
    """At most four rejections of a kind in a second, and at most `total` of all in `interval_ns` if that is given.

    `on_rejection(kind, text)` is told of each, sent or withheld. A kind is a MsgType and its reason, so they are few.
    """

    def __init__(
        self,
        total: int | None = None,
        interval_ns: int = _NS,
        on_rejection: Callable[[str, str], None] = lambda kind, text: None,
    ) -> None:
        self.sent = self.withheld = 0
        self._kinds: dict[tuple[str, int], _Latest] = {}
        self._all = None if total is None else _Latest(total, interval_ns)
        self._on_rejection = on_rejection

    def allows(self, msg_type: str, reason: int, what: str, now_ns: int) -> bool:
        """Whether a rejection of `msg_type` (3 or j) for this reason may be sent now; it is counted. `what` says for
        the log what is rejected."""
        self._on_rejection(f"{msg_type} {reason}", what)
        limits = [self._kinds.setdefault((msg_type, reason), _Latest(_PER_SECOND, _NS))]
        if self._all is not None:
            limits.append(self._all)
        if not all(limit.allows(now_ns) for limit in limits):
            self.withheld += 1
            return False
        for limit in limits:
            limit.count(now_ns)
        self.sent += 1
        return True
