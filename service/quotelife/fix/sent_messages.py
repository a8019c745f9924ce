"""Retains the application messages of a market-data session, to answer a ResendRequest."""

from collections import OrderedDict
from dataclasses import dataclass

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
        """Retain a message that is sent at `time`."""
        self._messages[seq_num] = _Sent(msg_type, body, time)
        if len(self._messages) > self._capacity:
            self._messages.popitem(last=False)

    def clear(self) -> None:
        """The session's numbers start again."""
        self._messages.clear()

    def first_from(self, begin: int, end: int) -> int | None:
        """The lowest MsgSeqNum from `begin` through `end` of a message retained."""
        return next((seq_num for seq_num in range(begin, end + 1) if seq_num in self._messages), None)

    def again(self, seq_num: int, identity: Identity, time: str) -> bytes:
        """The message as PossDup, sent at `time`."""
        sent = self._messages[seq_num]
        return encode(identity, sent.msg_type, seq_num, time, sent.body, orig_sending_time=sent.time)
