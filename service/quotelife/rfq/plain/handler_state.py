"""What the handler and the kernel both have to know before they issue a quote."""

import numpy as np

from quotelife.rfq.plain import layout as P


class HandlerState:
    """`words` int64[HANDLER_WORDS]. Used under the handler's lock."""

    def __init__(self) -> None:
        self.words = np.zeros(P.HANDLER_WORDS, np.int64)
        self._memory = self.words.data
        self.controls_generation = -1

    @property
    def stopping(self) -> bool:
        """Whether no new quotes are issued."""
        return self._memory[P.HANDLER_STOPPING] != 0

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._memory[P.HANDLER_STOPPING] = value

    @property
    def controls_generation(self) -> int:
        """Generation of the desk's controls that have been applied to open quotes."""
        return self._memory[P.HANDLER_CONTROLS]

    @controls_generation.setter
    def controls_generation(self, value: int) -> None:
        self._memory[P.HANDLER_CONTROLS] = value
