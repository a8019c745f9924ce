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
        self._replay: tuple[int, int | None] | None = None  # what is still to be sent again: first and last
        self._replay_begin = 1

    def add(self, seq_num: int, msg_type: str, body: Body, time: str) -> None:
        self._messages[seq_num] = _Sent(msg_type, body, time)
        if len(self._messages) > self._capacity:
            self._messages.popitem(last=False)

    def clear(self) -> None:
        self._messages.clear()
        self.stop_replay()

    # --- a replay, in parts

    @property
    def replaying(self) -> bool:
        """Whether a part of a replay is still to come."""
        return self._replay is not None

    def start_replay(self, begin: int, end: int | None) -> None:
        """Messages `begin` to `end`, None: to the last one, are to be sent again. What a replay under way has already
        sent of them is not sent once more: it will arrive."""
        if self._replay is not None and begin >= self._replay_begin:
            wanted = self._replay[1]
            self._replay = self._replay[0], None if end is None or wanted is None else max(end, wanted)
            return
        self._replay_begin = begin
        self._replay = begin, end

    def stop_replay(self) -> None:
        """The rest is not needed."""
        self._replay = None

    def replay(self, identity: Identity, last: int, limit: int, wall_ns: int) -> list[bytes]:
        """The next at most `limit` messages of the replay: application messages as PossDup, and each run of others as
        one SequenceReset-GapFill. `last` is the last one sent."""
        if self._replay is None or limit <= 0:
            return []
        gap, wanted = self._replay
        end = last if wanted is None else min(wanted, last)
        now = identity.sending_time(wall_ns)
        out: list[bytes] = []
        for seq_num in range(gap, end + 1):
            message = self._messages.get(seq_num)
            if message is None:
                continue
            if gap < seq_num and len(out) < limit:
                out.append(_gap_fill(identity, gap, seq_num, now))
                gap = seq_num
            if len(out) >= limit:
                break
            out.append(encode(identity, message.msg_type, seq_num, now, message.body, orig_sending_time=message.time))
            gap = seq_num + 1
        else:
            if gap <= end and len(out) < limit:
                out.append(_gap_fill(identity, gap, end + 1, now))
                gap = end + 1
        self._replay = (gap, wanted) if gap <= end else None
        return out


def _gap_fill(identity: Identity, seq_num: int, new_seq_no: int, now: str) -> bytes:
    body = ((tags.GapFillFlag, "Y"), (tags.NewSeqNo, new_seq_no))
    return encode(identity, tags.SEQUENCE_RESET, seq_num, now, body, orig_sending_time=now)
