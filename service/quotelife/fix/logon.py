"""The first message of a connection, looked at before anybody acts on it: is it a Logon, and whose?

Stricter than a session need be: the bytes must be one well-formed message from the first byte on, with no field twice
that decides who somebody is, so that nobody downstream can read another Logon out of the same bytes.
"""

import re
from dataclasses import dataclass

from quotelife.fix import tags
from quotelife.fix.events import first_values
from quotelife.fix.fields import Malformed, as_text, split_fields

MAX_LOGON_BYTES = 4_096
_HEAD = re.compile(rb"8=(FIX[^\x01]{1,12})\x019=(\d{1,4})\x01")
_TRAILER_BYTES = 7  # 10=ccc|
_DECIDING = (
    tags.BeginString,
    tags.MsgType,
    tags.SenderCompID,
    tags.TargetCompID,
    tags.MsgSeqNum,
    tags.Username,
    tags.Password,
    tags.ResetSeqNumFlag,
)
_ONCE = [b"\x01%d=" % tag for tag in _DECIDING]


class NotALogon(ValueError):
    """What came first is no Logon."""


@dataclass(frozen=True, slots=True, repr=False)
class Logon:
    """Who wants to log on, and as what. Its text form does not hold the password."""

    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    username: str | None
    password: str | None
    reset: bool  # ResetSeqNumFlag (141) is Y

    def __repr__(self) -> str:
        return f"Logon({self.begin_string}:{self.sender_comp_id}->{self.target_comp_id})"


def read_logon(data: bytes) -> Logon | None:
    """The Logon at the beginning of `data`, which may go on; None while it is not whole. NotALogon if it is none."""
    head = _HEAD.match(data)
    if head is None:
        if len(data) >= 32 or not _could_begin(data):
            raise NotALogon("no FIX message")
        return None
    end = head.end() + int(head[2]) + _TRAILER_BYTES
    if end > MAX_LOGON_BYTES:
        raise NotALogon(f"longer than {MAX_LOGON_BYTES} bytes")
    if len(data) > head.end() + 4 and not data.startswith(b"35=A\x01", head.end()):
        raise NotALogon("the first message is not a Logon")
    if len(data) < end:
        return None
    message = data[:end]
    content, trailer = message[:-_TRAILER_BYTES], message[-_TRAILER_BYTES:]
    if content[-1] != tags.SOH or trailer != b"10=%03d\x01" % (sum(content) & 255):
        raise NotALogon("BodyLength or CheckSum is wrong")
    try:
        fields = split_fields(message)
    except Malformed as error:
        raise NotALogon("the Logon cannot be taken apart") from error
    # Counted in the bytes: one inside a data field is a field to somebody who does not know of the data field.
    if any(message.count(field) > (field != _ONCE[0]) for field in _ONCE):
        raise NotALogon("a field of the Logon is there twice")
    values = first_values(fields)
    if not values.get(tags.SenderCompID) or not values.get(tags.TargetCompID):
        raise NotALogon("the Logon has no CompIDs")
    return Logon(
        as_text(head[1]),
        as_text(values[tags.SenderCompID]),
        as_text(values[tags.TargetCompID]),
        as_text(values[tags.Username]) if tags.Username in values else None,
        as_text(values[tags.Password]) if tags.Password in values else None,
        values.get(tags.ResetSeqNumFlag) == b"Y",
    )


def _could_begin(data: bytes) -> bool:
    """Whether more bytes could make a message of these."""
    return b"8=FIX".startswith(data[:5]) and (len(data) < 5 or data.count(b"\x01") < 2)
