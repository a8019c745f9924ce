"""Encodes FIX messages in plain Python: messages of a session from their fields, application messages of a client's
session from the texts of the RFQ handler.

The handler writes BeginString, a BodyLength of 0, MsgType, header fields of its own if any, the body, and a CheckSum of
000. The other header fields come in the order of their tags, as the reference engine sends them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from quotelife.fix import tags
from quotelife.runtime.clock import utc_timestamp

Field = tuple[int, str | int]
Body = tuple[Field, ...]
_HANDLERS_HEADER = frozenset(("97", "115", "116", "128", "129", "1128"))  # tags that the handler may add
_TRAILER = "10=000\x01"


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
    """One message; with `orig_sending_time` a PossDup. A data field must follow its length field. Surrogate escapes are
    the bytes that they stand for.

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
    content = (text + "\x01").encode("utf-8", "surrogateescape")
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


class HeaderTemplate:
    """The header fields of one side of a session."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._begin = identity.begin_string.encode()
        self._sender = f"\x0149={identity.sender_comp_id}\x0152="
        self._target = f"\x0156={identity.target_comp_id}\x01"

    def message(self, text: str, seq_num: int, wall_ns: int) -> bytes:
        """A text of the handler as the message with this MsgSeqNum. ValueError if the text has no MsgType."""
        start = text.index("\x0135=") + 1
        end = text.index("\x01", start)
        own, body = _own_header(text, end + 1)
        time = self._identity.sending_time(wall_ns)
        content = f"{text[start:end]}\x0134={seq_num}{self._sender}{time}{self._target}{own}"
        return frame_bytes(self._begin, (content + text[body : -len(_TRAILER)]).encode("utf-8", "surrogateescape"))


def _own_header(text: str, start: int) -> tuple[str, int]:
    """The header fields that a text has from `start` on, by tag, and where its body begins."""
    found: list[tuple[int, str]] = []
    while (tag := text[start : text.index("=", start)]) in _HANDLERS_HEADER:
        end = text.index("\x01", start) + 1
        found.append((int(tag), text[start:end]))
        start = end
    return "".join(field for _, field in sorted(found)), start


def possible_duplicate(message: bytes, time: str) -> bytes:
    """A message that was sent, to be sent again at `time`: with PossDupFlag, and its SendingTime as OrigSendingTime."""
    begin = message[2 : message.index(b"\x01")]
    body = message.index(b"\x0135=") + 1
    start = message.index(b"\x0152=", body) + 4
    end = message.index(b"\x01", start)
    repeated = b"%b\x0143=Y\x01122=%b" % (time.encode(), message[start:end])
    return frame_bytes(begin, message[body:start] + repeated + message[end : -len(_TRAILER)])
