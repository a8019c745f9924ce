"""Encodes FIX messages in plain Python, for the infrequent messages of a market-data session."""

from collections.abc import Iterable
from dataclasses import dataclass

from quotelife.fix import tags
from quotelife.runtime.clock import utc_timestamp

Field = tuple[int, str | int]
Body = tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What the header of every message of one side of a session contains."""

    sender_comp_id: str
    target_comp_id: str
    begin_string: str = "FIX.4.4"
    sender_sub_id: str | None = None
    target_sub_id: str | None = None
    time_decimals: int = 3  # of SendingTime and OrigSendingTime

    def sending_time(self, wall_ns: int) -> str:
        """SendingTime of a message that is sent at `wall_ns`."""
        return sending_time(wall_ns, self.time_decimals)


def sending_time(wall_ns: int, decimals: int = 3) -> str:
    """UTCTimestamp with 0, 3, 6 or 9 decimals, rounded down. Milliseconds are the finest resolution of FIX.4.4."""
    text = utc_timestamp(wall_ns)
    if decimals == 9:
        return f"{text}{wall_ns % 1_000:03d}"
    return text[: len(text) - 6 + decimals] if decimals else text[:-7]


def encode(
    identity: Identity,
    msg_type: str,
    seq_num: int,
    time: str,
    body: Iterable[Field] = (),
    orig_sending_time: str | None = None,
) -> bytes:
    """One message; with `orig_sending_time` a PossDup. A data field must follow its length field.

    ValueError if a value contains SOH that is not a data field of that length."""
    header: list[Field] = [
        (tags.MsgType, msg_type),
        (tags.SenderCompID, identity.sender_comp_id),
        (tags.TargetCompID, identity.target_comp_id),
        (tags.MsgSeqNum, seq_num),
    ]
    if identity.sender_sub_id is not None:
        header.append((tags.SenderSubID, identity.sender_sub_id))
    if identity.target_sub_id is not None:
        header.append((tags.TargetSubID, identity.target_sub_id))
    if orig_sending_time is not None:
        header.append((tags.PossDupFlag, "Y"))
    header.append((tags.SendingTime, time))
    if orig_sending_time is not None:
        header.append((tags.OrigSendingTime, orig_sending_time))
    fields = [*header, *body]
    text = "\x01".join([f"{tag}={value}" for tag, value in fields])
    if text.count("\x01") != len(fields) - 1:
        _check_data_fields(fields)
    content = (text + "\x01").encode()
    return frame_bytes(identity.begin_string.encode(), content)


def _check_data_fields(fields: list[Field]) -> None:
    """ValueError if SOH is anywhere but in a data field that follows its length field."""
    before: Field = (0, 0)
    for tag, value in fields:
        if isinstance(value, str) and "\x01" in value and before != (tags.LENGTH_OF_DATA.get(tag), len(value.encode())):
            raise ValueError("field value contains SOH")
        before = (tag, value)


def frame_bytes(begin_string: bytes, content: bytes) -> bytes:
    """Wrap `content`, MsgType to the last SOH, in BeginString, BodyLength and CheckSum."""
    head = b"8=%b\x019=%d\x01" % (begin_string, len(content))
    return b"%b%b10=%03d\x01" % (head, content, (sum(head) + sum(content)) & 255)
