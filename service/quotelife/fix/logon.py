"""Parses a connection's first message, which must be a Logon, before the session sees it.

Stricter than a session: the bytes must be one well-formed message from the first byte on, and no field that identifies
the client may occur twice. So no later parser can read a different Logon from the same bytes.
"""

import re
from dataclasses import dataclass

from quotelife.fix import tags
from quotelife.fix.events import first_values
from quotelife.fix.fields import MalformedMessage, as_text, split_fields

MAX_LOGON_BYTES = 4_096
_HEAD = re.compile(rb"8=(FIX[^\x01]{1,12})\x019=(\d{1,4})\x01")
_TRAILER_BYTES = 7  # 10=ccc|
_UNIQUE_TAGS = (
    tags.BeginString,
    tags.MsgType,
    tags.SenderCompID,
    tags.TargetCompID,
    tags.MsgSeqNum,
    tags.Username,
    tags.Password,
    tags.ResetSeqNumFlag,
)
_SECRETS = (tags.Password, 96, 925, 1402, 1404)  # RawData, NewPassword, the same encrypted
_UNIQUE_FIELDS = [b"\x01%d=" % tag for tag in _UNIQUE_TAGS]


class NotALogon(ValueError):
    """The first message is not a Logon."""


@dataclass(frozen=True, slots=True, repr=False)
class Logon:
    """A client's Logon. `fields` are all (tag, value), without the values of secrets; its repr contains neither."""

    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    username: str | None
    password: str | None
    reset: bool  # ResetSeqNumFlag (141) is Y
    fields: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Logon({self.begin_string}:{self.sender_comp_id}->{self.target_comp_id})"


def read_logon(data: bytes) -> Logon | None:
    """The Logon at the start of `data`, which may continue; None while incomplete. NotALogon for anything else."""
    head = _HEAD.match(data)
    if head is None:
        if len(data) >= 32 or not _could_begin(data):
            raise NotALogon("not a FIX message")
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
        raise NotALogon("wrong BodyLength or CheckSum")
    try:
        fields = split_fields(message)
    except MalformedMessage as error:
        raise NotALogon("malformed Logon") from error
    # Counted in the raw bytes: to a parser that does not know a data field, its content may look like a field.
    for tag, field in zip(_UNIQUE_TAGS, _UNIQUE_FIELDS, strict=True):
        if message.count(field) > (tag != tags.BeginString):
            raise NotALogon(f"duplicate tag {tag} in the Logon")
    values = first_values(fields)
    if not values.get(tags.SenderCompID) or not values.get(tags.TargetCompID):
        raise NotALogon("SenderCompID or TargetCompID missing in the Logon")
    return Logon(
        as_text(head[1]),
        as_text(values[tags.SenderCompID]),
        as_text(values[tags.TargetCompID]),
        as_text(values[tags.Username]) if tags.Username in values else None,
        as_text(values[tags.Password]) if tags.Password in values else None,
        values.get(tags.ResetSeqNumFlag) == b"Y",
        tuple((str(tag), "***" if tag in _SECRETS else as_text(value)) for tag, value in fields),
    )


def _could_begin(data: bytes) -> bool:
    """Whether `data` can be the start of a message."""
    return b"8=FIX".startswith(data[:5]) and (len(data) < 5 or data.count(b"\x01") < 2)
