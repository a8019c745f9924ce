"""Application messages sent, retained to answer a ResendRequest."""

from collections import OrderedDict
from dataclasses import dataclass

from quotelife.fix import tags
from quotelife.fix.encode import Body, Identity, encode


@dataclass(frozen=True, slots=True)
class _Sent:
    msg_type: str
    body: Body
    time: str


class SentMessages:
    """The last `capacity` application messages. Session messages and older ones are gap-filled instead."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._messages: OrderedDict[int, _Sent] = OrderedDict()

    def add(self, seq_num: int, msg_type: str, body: Body, time: str) -> None:
        self._messages[seq_num] = _Sent(msg_type, body, time)
        if len(self._messages) > self._capacity:
            self._messages.popitem(last=False)

    def clear(self) -> None:
        self._messages.clear()

    def replay(self, identity: Identity, begin: int, end: int, wall_ns: int) -> list[bytes]:
        """Messages `begin` to `end` as PossDup, and each run of others as one SequenceReset-GapFill."""
        now = identity.sending_time(wall_ns)
        out: list[bytes] = []
        gap = begin
        for seq_num in [s for s in self._messages if begin <= s <= end]:
            message = self._messages[seq_num]
            if gap < seq_num:
                out.append(_gap_fill(identity, gap, seq_num, now))
            out.append(encode(identity, message.msg_type, seq_num, now, message.body, orig_sending_time=message.time))
            gap = seq_num + 1
        if gap <= end:
            out.append(_gap_fill(identity, gap, end + 1, now))
        return out


def _gap_fill(identity: Identity, seq_num: int, new_seq_no: int, now: str) -> bytes:
    body = ((tags.GapFillFlag, "Y"), (tags.NewSeqNo, new_seq_no))
    return encode(identity, tags.SEQUENCE_RESET, seq_num, now, body, orig_sending_time=now)
