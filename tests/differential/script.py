"""What a generated client does: connections of one session, and the messages that it sends over each.

A script is the same for every server. What a server decides, it refers to: the n-th quote of the script, the number of
the n-th message. `quotelife`'s code takes no part in encoding it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

SOH = b"\x01"


class QuoteRef(NamedTuple):
    """The value of a field of the n-th Quote that the script's session has received, from the last one if negative;
    `otherwise` if there is none."""

    n: int
    tag: int
    otherwise: str = "Q0-0"


class Moment(NamedTuple):
    """A UTCTimestamp: that many seconds from now."""

    offset_s: float = 0.0
    decimals: int = 6


EXPECTED = -1


class Theirs(NamedTuple):
    """MsgSeqNum of the n-th comparable message that the server has sent since its numbers started, from 1; for 0, or
    beyond the last one, the number after that; for EXPECTED the number that comes next. Plus `shift`."""

    n: int = 0
    shift: int = 0


class Ours(NamedTuple):
    """The next MsgSeqNum of the client, plus `shift`."""

    shift: int = 0


Value = str | bytes | int | QuoteRef | Moment | Theirs | Ours
Fields = list[tuple[int | str, Value]]


@dataclass
class Message:
    """A message of the client.

    header      overrides the values of header fields by tag; None leaves the field out
    more        further header fields, behind the others
    shift       of MsgSeqNum from the next one
    steps       by which the next message has a higher number; 0 for a message that the server does not count
    length      added to BodyLength
    checksum    added to CheckSum
    damage      changes the complete bytes
    """

    msg_type: str
    body: Fields = field(default_factory=list)
    header: dict[int, Value | None] = field(default_factory=dict)
    more: Fields = field(default_factory=list)
    shift: int = 0
    steps: int = 1
    length: int = 0
    checksum: int = 0
    damage: Callable[[bytes], bytes] | None = None


@dataclass
class Segment:
    """Messages that are sent at once. With a `fence`, a TestRequest follows and its answer is awaited; without, they
    are the last ones of their connection."""

    messages: list[Message]
    fence: bool = True


@dataclass
class Connection:
    """From a Logon to the end of what the client sends; it then reads until the server closes the connection.

    `confirms`: the client answers the TestRequests by which the server asks what it has received.
    """

    logon: Message
    segments: list[Segment]
    confirms: bool = False


@dataclass
class Script:
    """The connections of one session, one after the other; the numbers start again with the first."""

    seed: int
    session: int
    connections: list[Connection]

    @property
    def size(self) -> int:
        """Messages that the client sends, fences aside."""
        return sum(1 + sum(len(s.messages) for s in c.segments) for c in self.connections)


def as_bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def encode(begin: str, header: Fields, message: Message, body: Fields) -> bytes:
    """The bytes of a message whose values have been resolved."""
    content = b"".join(b"%s=%s\x01" % (as_bytes(tag), as_bytes(value)) for tag, value in [*header, *body])
    head = b"8=%s\x019=%d\x01" % (begin.encode(), len(content) + message.length)
    total = (sum(head) + sum(content) + message.checksum) % 256
    raw = head + content + b"10=%03d\x01" % total
    return raw if message.damage is None else message.damage(raw)
