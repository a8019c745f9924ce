"""The bytes of one connection that were received and not processed, and the messages in them."""

import socket

import numpy as np

from quotelife.acceptor.common.connections import MAX_MESSAGE_BYTES
from quotelife.acceptor.native.plain_turn import BUFFER, CAPACITY, CONNECTION_WORDS, END, FD, START
from quotelife.fix.framer import COMPLETE, FRAME_END, FRAME_SKIPPED, FRAME_START, FRAME_WORDS, INCOMPLETE, frame
from quotelife.shm.arrays import address_of

_FIRST_BYTES = 1 << 15


class ReceiveBuffer:
    """`words` are those of `plain_turn`, at `address`, shared with its kernel: START to END of the buffer is not
    processed. `skipped` bytes since the last message belong to none."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._words = np.zeros(CONNECTION_WORDS, np.int64)
        self.words, self.address = self._words.data, address_of(self._words, np.int64, "words")
        self.words[FD] = sock.fileno()
        self._out = np.zeros(FRAME_WORDS, np.int64)
        self._out_memory = self._out.data
        self.skipped = 0
        self._allocate(_FIRST_BYTES)

    def receive(self) -> bool:
        """Receive what fits. False if the peer has closed; BlockingIOError if there is nothing, OSError if the
        connection is lost."""
        if self.words[END] == self.words[CAPACITY]:
            self._make_room()
        n = self._sock.recv_into(self._memory[self.words[END] :])
        self.words[END] += n
        return n > 0

    def next_message(self) -> bytes | None:
        """Remove the next complete message; None if there is none. Garbled bytes are skipped."""
        words, out = self.words, self._out_memory
        while words[START] < words[END]:
            status = frame(self._bytes, words[START], words[END], MAX_MESSAGE_BYTES, self._out)
            words[START] = out[FRAME_END]
            self.skipped += out[FRAME_SKIPPED]
            if status == COMPLETE:
                self.skipped = 0
                return bytes(self._memory[out[FRAME_START] : out[FRAME_END]])
            if status == INCOMPLETE:
                return None
        words[START] = words[END] = 0
        return None

    @property
    def is_empty(self) -> bool:
        """Whether everything is processed."""
        return self.words[START] == self.words[END]

    @property
    def incomplete(self) -> int:
        """Bytes that have come since the last complete message."""
        return self.skipped + self.words[END] - self.words[START]

    @property
    def is_oversize(self) -> bool:
        """Whether so many bytes have come without a complete message that none is waited for any more."""
        return self.incomplete >= MAX_MESSAGE_BYTES

    def _make_room(self) -> None:
        """Move the rest to the front; double the buffer if it is full."""
        words = self.words
        rest = bytes(self._memory[words[START] : words[END]])
        if 2 * len(rest) > words[CAPACITY]:
            self._allocate(2 * words[CAPACITY])
        self._memory[: len(rest)] = rest
        words[START], words[END] = 0, len(rest)

    def _allocate(self, capacity: int) -> None:
        self._bytes = np.zeros(capacity, np.uint8)
        self._memory = self._bytes.data
        self.words[BUFFER], self.words[CAPACITY] = address_of(self._bytes, np.uint8, "bytes"), capacity
