"""What a policy of a field is, and how the rows of the tables are written."""

from enum import Enum

from msgspec import Struct

REQUEST, RESPONSE, ORDER, STATUS_REQUEST, CANCEL, LOGON = "R", "AJ", "D", "a", "Z", "A"
EXECUTION_REPORT, TRADE_CAPTURE_REPORT = "8", "AE"  # from sessions with role = "hedge"
HITS = (RESPONSE, ORDER)
HEDGES = (EXECUTION_REPORT, TRADE_CAPTURE_REPORT)
HEADER = "header"  # stands for the header and trailer of every message


class Kind(Enum):
    """What the service does with a field of a message that it receives."""

    HONOURED = "honoured"
    ECHOED = "echoed"
    IGNORED = "ignored"
    REFUSED_UNLESS = "refused unless"


class Policy(Struct, frozen=True):
    """The policy of one field in one message. `why` is its meaning, or the reason why it is ignored or refused;
    `allowed` are the values that a field which is refused otherwise may have, with their meanings."""

    kind: Kind
    why: str
    allowed: dict[str, str]
    is_list: bool = False  # the value is a list of values, separated by spaces

    def refuses(self, value: str) -> bool:
        """Whether a message with this value is refused."""
        if value in self.allowed or self.kind is not Kind.REFUSED_UNLESS:
            return False
        return not (self.is_list and all(each in self.allowed for each in value.split(" ")))

    @property
    def allowed_text(self) -> str:
        """The allowed values, for a Text (58)."""
        return ", ".join(f"{value} ({meaning})" for value, meaning in self.allowed.items()) or "absent"


class Row(Struct, frozen=True):
    """One policy for several fields: `tags` are numbers and ranges, separated by spaces, in each of `messages`."""

    kind: Kind
    messages: tuple[str, ...]
    tags: str
    why: str
    allowed: dict[str, str] = {}
    is_list: bool = False

    def numbers(self) -> list[int]:
        """Its tags."""
        found: list[int] = []
        for part in self.tags.split():
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
        return found
