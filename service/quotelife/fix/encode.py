"""Encodes FIX messages in plain Python, for the infrequent messages of a market-data session."""

from collections.abc import Iterable
from dataclasses import dataclass

from quotelife.fix import tags
from quotelife.runtime.clock import utc_timestamp

Field = tuple[int, str | int]
Body = tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """CompIDs and BeginString of one side of a session."""

    sender_comp_id: str
    target_comp_id: str
    begin_string: str = "FIX.4.4"


def sending_time(wall_ns: int) -> str:
    """UTCTimestamp in milliseconds, the finest resolution of FIX.4.4 headers."""
    return utc_timestamp(wall_ns)[:-3]


def encode(
    identity: Identity,
    msg_type: str,
    seq_num: int,
    time: str,
    body: Iterable[Field] = (),
    orig_sending_time: str | None = None,
) -> bytes:
    """One message; with `orig_sending_time` a PossDup. ValueError if a value contains SOH."""
    header: list[Field] = [
        (tags.MsgType, msg_type),
        (tags.SenderCompID, identity.sender_comp_id),
        (tags.TargetCompID, identity.target_comp_id),
        (tags.MsgSeqNum, seq_num),
    ]
    if orig_sending_time is not None:
        header.append((tags.PossDupFlag, "Y"))
    header.append((tags.SendingTime, time))
    if orig_sending_time is not None:
        header.append((tags.OrigSendingTime, orig_sending_time))
    parts = [f"{tag}={value}" for tag, value in (*header, *body)]
    text = "\x01".join(parts)
    if text.count("\x01") != len(parts) - 1:
        raise ValueError("field value contains SOH")
    content = (text + "\x01").encode()
    return frame_bytes(identity.begin_string.encode(), content)


def frame_bytes(begin_string: bytes, content: bytes) -> bytes:
    """Wrap `content`, MsgType to the last SOH, in BeginString, BodyLength and CheckSum."""
    head = b"8=%b\x019=%d\x01" % (begin_string, len(content))
    return b"%b%b10=%03d\x01" % (head, content, (sum(head) + sum(content)) & 255)
