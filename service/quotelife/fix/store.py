"""What a session retains over connections and restarts: sequence numbers, and the messages that are sent again.

One file per session. Its first page is mapped and holds the session's sequence words, the very array in which kernels
count. Behind it the stored messages are appended, each with its MsgSeqNum and a CRC-32. They are written with `pwrite`:
where the disk is full that is an error, while a mapped page that cannot be allocated kills the process.

After `kill -9` the file is whole, because what a process has written stays in the page cache: a message counts once
LOG_END is beyond it, and a reset that was interrupted is completed at the next opening. After a loss of power the CRC
finds a torn tail, which is dropped. The lock on the file ends with the process.
"""

import fcntl
import mmap
import os
import struct
import zlib
from array import array
from bisect import bisect_left
from pathlib import Path

import numpy as np

from quotelife.fix.encode import Identity, possible_duplicate
from quotelife.fix.session import EXPECTED, NEXT_OUT, SEQUENCE_WORDS
from quotelife.shm.layout import WORD_BYTES, Layout
from quotelife.shm.region import Words

MAX_MESSAGE_BYTES = 1 << 20
_MAGIC = 0x51_4C_53_54_4F_52_45_31
_VERSION = 1
_PAGE_BYTES = 4096
_MAX_NAME_BYTES = 256

_HEADER = Layout()
_MAGIC_WORD = _HEADER.int64("magic")
_VERSION_WORD = _HEADER.int64("version")
_RESETTING = _HEADER.int64("resetting")  # 1 while a reset is under way
_LOG_END = _HEADER.int64("log_end")  # position in the file behind the last stored message
_SESSION = _HEADER.text("session", _MAX_NAME_BYTES // WORD_BYTES)
_SEQUENCE = _HEADER.int64("sequence", SEQUENCE_WORDS, align=8)

_RECORD = struct.Struct("=qqq")  # length of the message, its MsgSeqNum, CRC-32 of the message and both


class StoreError(Exception):
    """A session's file cannot be used; the text says why."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail}")


class MappedStore:
    """`sequence` is int64[SEQUENCE_WORDS], of which EXPECTED and NEXT_OUT outlive the process. One thread at a time."""

    def __init__(self, path: Path, session: str) -> None:
        """Open the file at `path`, or create it. `session` names the session, for example FIX.4.4:QUOTELIFE->FUND.

        StoreError if the file is another session's, of another layout, or in use; OSError if it cannot be opened."""
        name = session.encode()
        if len(name) > _MAX_NAME_BYTES:
            raise StoreError(path, f"the session's name has {len(name)} bytes; allowed: {_MAX_NAME_BYTES}")
        self.path = path
        if not path.exists():
            _create(path, name)
        self._file = path.open("r+b", buffering=0)
        try:
            self._words = self._map(name)
            self._index_numbers, self._index_positions = array("q"), array("q")
            if self._words[_RESETTING]:
                self.reset()
            self._read_log()
        except BaseException:
            self._file.close()
            raise
        self.sequence = self._words[_SEQUENCE : _SEQUENCE + SEQUENCE_WORDS]
        for word in range(SEQUENCE_WORDS):
            if word not in (EXPECTED, NEXT_OUT):
                self.sequence[word] = 0  # of the connection that has ended

    def append(self, seq_num: int, message: bytes) -> None:
        """Store a message that is about to be sent with NEXT_OUT as its `seq_num`. OSError if it cannot be written;
        then nothing has changed. ValueError if it is longer than MAX_MESSAGE_BYTES."""
        if len(message) > MAX_MESSAGE_BYTES:
            raise ValueError(f"message {seq_num} has {len(message)} bytes; allowed: {MAX_MESSAGE_BYTES}")
        end = self._drop_from(seq_num)
        record = _RECORD.pack(len(message), seq_num, _crc(seq_num, message)) + message
        written = os.pwrite(self._file.fileno(), record, end)
        if written != len(record):
            raise OSError(f"{self.path}: {written} of {len(record)} bytes written")
        self._words[_LOG_END] = end + len(record)
        self._add_to_index(seq_num, end)

    def first_from(self, begin: int, end: int) -> int | None:
        """The lowest MsgSeqNum from `begin` through `end` of a stored message."""
        at = bisect_left(self._index_numbers, begin)
        if at == len(self._index_numbers) or self._index_numbers[at] > end:
            return None
        return self._index_numbers[at]

    def find(self, seq_num: int) -> bytes | None:
        """The stored message with this MsgSeqNum, as it was sent."""
        at = bisect_left(self._index_numbers, seq_num)
        if at == len(self._index_numbers) or self._index_numbers[at] != seq_num:
            return None
        position = self._index_positions[at]
        length, _, _ = _RECORD.unpack(os.pread(self._file.fileno(), _RECORD.size, position))
        return os.pread(self._file.fileno(), length, position + _RECORD.size)

    def again(self, seq_num: int, identity: Identity, time: str) -> bytes:
        """The stored message as PossDup, sent at `time`."""
        message = self.find(seq_num)
        assert message is not None
        return possible_duplicate(message, time)

    def __len__(self) -> int:
        """How many messages are stored."""
        return len(self._index_numbers)

    def reset(self) -> None:
        """Both sequence numbers start again from 1, and nothing is stored."""
        words = self._words
        words[_RESETTING] = 1
        words[_LOG_END] = _PAGE_BYTES
        words[_SEQUENCE + EXPECTED] = words[_SEQUENCE + NEXT_OUT] = 1
        del self._index_numbers[:], self._index_positions[:]
        os.ftruncate(self._file.fileno(), _PAGE_BYTES)
        words[_RESETTING] = 0

    def close(self) -> None:
        """The file may be opened again. The sequence words stay readable."""
        fcntl.flock(self._file, fcntl.LOCK_UN)  # the mapping has a descriptor of its own
        self._file.close()

    def _map(self, name: bytes) -> Words:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(self.path, "another process uses it") from None
        size = os.fstat(self._file.fileno()).st_size
        if size < _PAGE_BYTES:
            raise StoreError(self.path, f"not the store of a session: {size} bytes, its first page has {_PAGE_BYTES}")
        words = np.frombuffer(mmap.mmap(self._file.fileno(), _PAGE_BYTES), np.int64)
        if words[_MAGIC_WORD] != _MAGIC:
            raise StoreError(self.path, "not the store of a session")
        if words[_VERSION_WORD] != _VERSION:
            raise StoreError(self.path, f"of version {words[_VERSION_WORD]}, expected {_VERSION}")
        found = words[_SESSION : _SESSION + _MAX_NAME_BYTES // WORD_BYTES].tobytes().rstrip(b"\0")
        if found != name:
            raise StoreError(self.path, f"of session {found.decode(errors='replace')}, expected {name.decode()}")
        return words

    def _read_log(self) -> None:
        """Rebuild the index; drop what was not written whole, and what has not left: its MsgSeqNum will be sent."""
        words, position = self._words, _PAGE_BYTES
        end = min(int(words[_LOG_END]), os.fstat(self._file.fileno()).st_size)
        next_out = int(words[_SEQUENCE + NEXT_OUT])
        with self.path.open("rb") as log:
            log.seek(position)
            while position + _RECORD.size <= end:
                length, seq_num, crc = _RECORD.unpack(log.read(_RECORD.size))
                behind = position + _RECORD.size + length
                if not 0 <= length <= MAX_MESSAGE_BYTES or behind > end or seq_num >= next_out:
                    break
                if crc != _crc(seq_num, log.read(length)):
                    break
                self._add_to_index(seq_num, position)
                position = behind
        words[_LOG_END] = position

    def _drop_from(self, seq_num: int) -> int:
        """Forget a message that was stored with this MsgSeqNum and never left. Returns where the next one belongs."""
        end = int(self._words[_LOG_END])
        while self._index_numbers and self._index_numbers[-1] >= seq_num:
            self._index_numbers.pop()
            end = self._index_positions.pop()
        return end

    def _add_to_index(self, seq_num: int, position: int) -> None:
        self._index_numbers.append(seq_num)
        self._index_positions.append(position)


def _create(path: Path, name: bytes) -> None:
    """A complete file or none: the file appears under its name when it is whole."""
    words = np.zeros(_PAGE_BYTES // WORD_BYTES, np.int64)
    words[_MAGIC_WORD], words[_VERSION_WORD], words[_LOG_END] = _MAGIC, _VERSION, _PAGE_BYTES
    words[_SESSION : _SESSION + _MAX_NAME_BYTES // WORD_BYTES] = np.frombuffer(
        name.ljust(_MAX_NAME_BYTES, b"\0"), np.int64
    )
    words[_SEQUENCE + EXPECTED] = words[_SEQUENCE + NEXT_OUT] = 1
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(words.tobytes())
    os.replace(fresh, path)


def _crc(seq_num: int, message: bytes) -> int:
    return zlib.crc32(message, zlib.crc32(struct.pack("=qq", len(message), seq_num)))
