"""Events that a FIX session returns to its owner."""

from dataclasses import dataclass

from quotelife.fix import tags


@dataclass(frozen=True, slots=True)
class LoggedOn:
    """The session is established; `reset` if both sides restart at sequence number 1.

    An acceptor's owner calls `processed` once it has sent what is due at a logon."""

    reset: bool


@dataclass(frozen=True, slots=True)
class GapDetected:
    """Messages from `expected` up to before `received` are missing; a ResendRequest is sent."""

    expected: int
    received: int


@dataclass(frozen=True, slots=True)
class GapFilled:
    """All missing messages have arrived or were gap-filled."""

    through: int


@dataclass(frozen=True, slots=True)
class ApplicationMessage:
    """An application message in sequence; `fields` in wire order."""

    msg_type: str
    fields: list[tuple[int, bytes]]

    def get(self, tag: int) -> bytes | None:
        """First value of `tag`."""
        return next((value for t, value in self.fields if t == tag), None)

    def all(self, tag: int) -> list[bytes]:
        """Values of `tag` in every entry of its group."""
        return [value for t, value in self.fields if t == tag]


@dataclass(frozen=True, slots=True)
class ReceivedText:
    """A client's message for the handler, as the text that the reference engine gives it: an application message in
    sequence, or a Reject (3). Call `processed` or `unsupported` once it has been handled."""

    msg_type: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionMessage:
    """A client's session message that was accepted; `values` has the first value of each field."""

    msg_type: str
    values: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The peer rejected a message (Reject, MsgType 3)."""

    ref_seq_num: int
    text: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the connection after sending what `drain` returns."""

    reason: str


Event = LoggedOn | GapDetected | GapFilled | ApplicationMessage | ReceivedText | SessionMessage | Rejected | Disconnect


def first_values(fields: list[tuple[int, bytes]]) -> dict[int, bytes]:
    """First value of each tag; header fields come first on the wire, so a data field cannot replace one."""
    found: dict[int, bytes] = {}
    for tag, value in fields:
        found.setdefault(tag, value)
    return found


def message_type(values: dict[int, bytes]) -> str:
    return values.get(tags.MsgType, b"").decode("ascii", "replace")
