"""Compares what two servers have answered, field by field, ids and times aside.

comparable      34, 7, 36 and 45 count messages of either side that do not depend on the time of day; 52, 60, 62 and
                122 are only times; ids that a server has made are numbered in the order of their first appearance
left out        9 and 10, which are checked for themselves; what only the time of day makes a server send
order           of fields: by tag, entries of groups in their order
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.acceptance.client import Message as Received
from tests.acceptance.client import seconds
from tests.differential.driver import Transcript, is_refusal, is_timed
from tests.differential.known import ONLY_QUICKFIX

Entry = tuple[tuple[int, str], ...]
_TIMES = frozenset((52, 60, 62, 122))
LIFETIME = 20004
_FAR = 10_000  # a MsgSeqNum that far ahead is not one of the server's
_MADE_ID = re.compile(r"\b[QE][0-9a-f]{6,}-\d+\b")
_TIME = re.compile(r"\b\d{8}-\d\d:\d\d:\d\d(\.\d{1,9})?\b")
_TIMESTAMP = re.compile(r"\d{8}-\d\d:\d\d:\d\d\.(\d{6}|\d{3})")  # the gateway's have three decimals


@dataclass
class Ids:
    """Ids that one server has made."""

    known: dict[str, str] = field(default_factory=dict)

    def comparable(self, value: str) -> str:
        return _MADE_ID.sub(lambda found: self.known.setdefault(found[0], f"#{len(self.known) + 1}"), value)


def entries(transcripts: Iterable[Transcript]) -> Iterator[list[Entry]]:
    """What the server sent over each connection, in comparable form; AssertionError for what is wrong by itself."""
    numbers, ids = _Numbers(), Ids()
    for transcript in transcripts:
        found: list[Entry] = []
        numbers.start_connection()
        for message in transcript.received:
            check(message)
            numbers.note(message)
            if is_timed(message):
                continue
            entry = _entry(message, numbers, ids)
            if entry is not None:
                found.append(entry)
        found += [((0, problem),) for problem in transcript.problems]
        yield found


class _Numbers:
    """MsgSeqNums of a server as counts of its comparable messages."""

    def __init__(self) -> None:
        self._expected, self._left_out, self._is_first, self._may_skip = 1, list[int](), True, False

    def start_connection(self) -> None:
        self._is_first = True

    def note(self, message: Received) -> None:
        """AssertionError for a first-time message whose number does not follow the one before.

        Not counted are numbers of messages that have not reached the client before the end of its last connection, and
        one behind a gap fill with the number that comes next, which QuickFIX uses up or does not. Its TestRequest may
        come before the Logon that starts the numbers again."""
        number = int(message[34])
        if is_refusal(message, self._is_first, self._expected):
            return
        if message.get(43) == "Y":
            self._may_skip = number == self._expected
            return
        if number == 1 != self._expected and (message.get(141) == "Y" or is_timed(message)):
            self._expected, self._left_out = 1, []
        if self._is_first or (self._may_skip and number == self._expected + 1):
            self._left_out += range(self._expected, number)
            self._expected = max(self._expected, number)
        assert number == self._expected, f"MsgSeqNum {number} instead of {self._expected} in {message}"
        self._is_first = self._may_skip = False
        self._expected = number + 1
        if is_timed(message) or message.type == "A":  # so that a gap of such messages is none
            self._left_out.append(number)

    def comparable(self, value: str) -> str:
        if not value.isdigit() or int(value) > self._expected + _FAR:
            return value
        return str(int(value) - sum(number < int(value) for number in self._left_out))


def check(message: Received) -> None:
    """BodyLength, CheckSum, the first fields, and that the lifetime is what the times say."""
    raw = message.raw
    assert [tag for tag, _ in message.fields[:3]] == [8, 9, 35] and message.fields[-1][0] == 10, message
    body = raw.index(b"\x01", raw.index(b"\x019=") + 1) + 1
    trailer = raw.rindex(b"10=")
    assert int(message[9]) == trailer - body and int(message[10]) == sum(raw[:trailer]) % 256, message
    assert len(message[10]) == 3, message
    for tag in (52, 60, 62):
        assert tag not in message or _TIMESTAMP.fullmatch(message[tag]), message
    if 20004 in message:
        lifetime_s = seconds(message[62]) - seconds(message[60])
        assert abs(lifetime_s - int(message[20004]) / 1e6) < 2e-6, message


def _entry(message: Received, numbers: _Numbers, ids: Ids) -> Entry | None:
    """None for a gap of messages that are left out."""
    fields = []
    is_gap = message.type == "4"
    for tag, value in sorted(message.fields, key=lambda each: each[0]):
        if tag in (9, 10) or tag in ONLY_QUICKFIX.get(message.type, ()):
            continue
        if tag == 62 and message.type == "S":
            fields.append((LIFETIME, str(round((seconds(value) - seconds(message[60])) * 1e6))))
            continue
        if tag in _TIMES:
            value = "TIME"
        elif tag == 34:
            if message.get(43) != "Y":
                continue
            value = numbers.comparable(value)
        elif tag == 36 and is_gap:
            value = numbers.comparable(value)
        elif tag == 58 and value.startswith("NextExpectedMsgSeqNum"):
            value = re.sub(r"\d+", lambda found: numbers.comparable(found[0]), value)
        else:
            value = ids.comparable(_TIME.sub("TIME", value))
        fields.append((tag, value))
    if is_gap and dict(fields).get(34) == dict(fields)[36]:
        return None
    return tuple(fields)


def agree(one: Entry, other: Entry) -> bool:
    """Whether two servers have answered the same. A lifetime is rounded to microseconds at both of its ends."""
    if one == other:
        return True
    return len(one) == len(other) and all(
        a == b or (a[0] == b[0] == LIFETIME and abs(int(a[1]) - int(b[1])) <= 1)
        for a, b in zip(one, other, strict=True)
    )


def show(entry: Entry) -> str:
    return "|".join(f"{tag}={value}" for tag, value in entry)
