"""Messages of a client that came after a gap: they wait until it is filled."""

from quotelife.fix.normalise import ReceivedMessage
from quotelife.fix.session import AWAITING_RESEND, EXPECTED, HIGHEST
from quotelife.shm.region import Words

_INT64_MAX = 2**63 - 1


class Gap:
    """Of one session, whose `sequence` words it shares. At most `limit` messages wait; later ones are requested again,
    since they will be missing when the gap is filled."""

    def __init__(self, sequence: Words, limit: int) -> None:
        self._words, self._limit = sequence.data, limit
        self._waiting: dict[int, ReceivedMessage] = {}

    def __bool__(self) -> bool:
        """Whether a message may not be processed because others are missing or wait."""
        return bool(self._waiting) or bool(self._words[AWAITING_RESEND])

    def add(self, received: ReceivedMessage, seq_num: int) -> bool:
        """A message whose number is too high. Returns whether those before it are to be requested now: once a gap."""
        words = self._words
        if len(self._waiting) < self._limit:
            self._waiting[seq_num] = received
        if words[AWAITING_RESEND]:
            return False
        words[AWAITING_RESEND] = 1
        words[HIGHEST] = min(seq_num - 1, _INT64_MAX)
        return True

    def next_message(self) -> ReceivedMessage | None:
        """Remove and return the message that is expected now, None if it is missing."""
        words, expected = self._words, self._words[EXPECTED]
        if expected > words[HIGHEST]:
            words[AWAITING_RESEND] = 0
        if not self._waiting:
            return None
        for seq_num in [n for n in self._waiting if n < expected]:
            del self._waiting[seq_num]  # gap-filled
        return self._waiting.pop(expected, None)

    def forget(self) -> None:
        """The numbers start again, or the connection has ended."""
        self._waiting.clear()
        self._words[AWAITING_RESEND] = self._words[HIGHEST] = 0
