"""Answers a ResendRequest: stored messages as PossDup, and each run of others as one SequenceReset-GapFill."""

from typing import Protocol

from quotelife.fix import tags
from quotelife.fix.encode import Identity, encode


class StoredMessages(Protocol):
    """The messages that are sent again, by MsgSeqNum."""

    def first_from(self, begin: int, end: int) -> int | None:
        """The lowest MsgSeqNum from `begin` through `end` of a stored message."""

    def again(self, seq_num: int, identity: Identity, time: str) -> bytes:
        """The stored message as PossDup, sent at `time`."""


class Replay:
    """What is still to be sent again, in parts if the owner wants that."""

    def __init__(self, stored: StoredMessages, identity: Identity) -> None:
        self._stored, self._identity = stored, identity
        self._range: tuple[int, int | None] | None = None  # first and last
        self._begin = 1

    @property
    def active(self) -> bool:
        """Whether a part of it is still to come."""
        return self._range is not None

    def start(self, begin: int, end: int | None) -> None:
        """Messages `begin` to `end`, None: to the last one, are to be sent again. What a replay under way has already
        sent of them is not sent once more: it will arrive."""
        if self._range is not None and begin >= self._begin:
            wanted = self._range[1]
            self._range = self._range[0], None if end is None or wanted is None else max(end, wanted)
            return
        self._begin = begin
        self._range = begin, end

    def stop(self) -> None:
        """The rest is not needed."""
        self._range = None

    def messages(self, last: int, limit: int, wall_ns: int) -> list[bytes]:
        """The next at most `limit` messages. `last` is the MsgSeqNum of the last message sent."""
        if self._range is None or limit <= 0:
            return []
        at, wanted = self._range
        end = last if wanted is None else min(wanted, last)
        time = self._identity.sending_time(wall_ns)
        out: list[bytes] = []
        while at <= end and len(out) < limit:
            found = self._stored.first_from(at, end)
            if found == at:
                out.append(self._stored.again(at, self._identity, time))
                at += 1
            else:
                behind = end + 1 if found is None else found
                out.append(_gap_fill(self._identity, at, behind, time))
                at = behind
        self._range = (at, wanted) if at <= end else None
        return out


def _gap_fill(identity: Identity, seq_num: int, new_seq_no: int, time: str) -> bytes:
    body = ((tags.GapFillFlag, "Y"), (tags.NewSeqNo, new_seq_no))
    return encode(identity, tags.SEQUENCE_RESET, seq_num, time, body, orig_sending_time=time)
