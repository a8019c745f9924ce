"""QuoteIDs and ExecIDs: a letter, the start of the process, a number that both count on."""

import numpy as np

# The words of `MessageIds`, which kernels read, and count in too.
(
    IDS_NEXT,  # number of the next id
    IDS_PREFIX_LENGTH,
) = range(2)
IDS_PREFIX = 2  # bytes from this word on
IDS_WORDS = 6


class MessageIds:
    """`words` int64[IDS_WORDS]. Used under the handler's lock."""

    def __init__(self, started_ms: int) -> None:
        self.words = np.zeros(IDS_WORDS, np.int64)
        self._memory = self.words.data
        self._memory[IDS_NEXT] = 1
        self.started_ms = started_ms

    @property
    def started_ms(self) -> int:
        """Prefix of all ids, which makes those of one start differ from those of all others."""
        return int(self._prefix, 16)

    @started_ms.setter
    def started_ms(self, value: int) -> None:
        self._prefix = f"{value:x}"
        raw = self._prefix.encode()
        self._memory[IDS_PREFIX_LENGTH] = len(raw)
        self.words.view(np.uint8)[IDS_PREFIX * 8 :][: len(raw)] = np.frombuffer(raw, np.uint8)

    def quote_id(self) -> str:
        return f"Q{self._prefix}-{self._next()}"

    def exec_id(self) -> str:
        return f"E{self._prefix}-{self._next()}"

    def _next(self) -> int:
        number = self._memory[IDS_NEXT]
        self._memory[IDS_NEXT] = number + 1
        return number
