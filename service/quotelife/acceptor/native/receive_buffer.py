"""The bytes of one connection that were received and not processed, and the messages in them."""

import socket

import numpy as np

from quotelife.acceptor.common.connections import MAX_MESSAGE_BYTES
from quotelife.fix.framer import COMPLETE, FRAME_END, FRAME_SKIPPED, FRAME_START, FRAME_WORDS, INCOMPLETE, frame
from quotelife.shm.arrays import address_of

_FIRST_BYTES = 1 << 15


class ReceiveBuffer:
    """`start` to `end` of the buffer at `address` is not processed."""

    def __init__(self) -> None:
        self._out = np.zeros(FRAME_WORDS, np.int64)
        self._out_memory = self._out.data
        self.start = self.end = 0
        self._skipped = 0  # bytes since the last message that belong to none
        self._allocate(_FIRST_BYTES)

    def receive(self, sock: socket.socket) -> bool:
        """Receive what fits. False if the peer has closed; BlockingIOError if there is nothing, OSError if the
        connection is lost."""
        if self.end == self._capacity:
            self._make_room()
        n = sock.recv_into(self._memory[self.end :])
        self.end += n
        return n > 0

    def next_message(self) -> bytes | None:
        """Remove the next complete message; None if there is none. Garbled bytes are skipped."""
        out = self._out_memory
        while self.start < self.end:
            status = frame(self._bytes, self.start, self.end, MAX_MESSAGE_BYTES, self._out)
            self.start = out[FRAME_END]
            self._skipped += out[FRAME_SKIPPED]
            if status == COMPLETE:
                self._skipped = 0
                return bytes(self._memory[out[FRAME_START] : out[FRAME_END]])
            if status == INCOMPLETE:
                return None
        self.start = self.end = 0
        return None

    @property
    def incomplete(self) -> int:
        """Bytes that have come since the last complete message."""
        return self._skipped + self.end - self.start

    @property
    def is_oversize(self) -> bool:
        """Whether so many bytes have come without a complete message that none is waited for any more."""
        return self.incomplete >= MAX_MESSAGE_BYTES

    def _make_room(self) -> None:
        """Move the rest to the front; double the buffer if it is full."""
        rest = bytes(self._memory[self.start : self.end])
        if 2 * len(rest) > self._capacity:
            self._allocate(2 * self._capacity)
        self._memory[: len(rest)] = rest
        self.start, self.end = 0, len(rest)

    def _allocate(self, capacity: int) -> None:
        self._capacity = capacity
        self._bytes = np.zeros(capacity, np.uint8)
        self._memory = self._bytes.data
        self.address = address_of(self._bytes, np.uint8, "bytes")
