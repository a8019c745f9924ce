"""What an engine has on disk of a session: its sequence numbers, and the messages that it would send again."""

import re
import struct
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quotelife.fix import store
from quotelife.fix.session import EXPECTED, NEXT_OUT
from tests.acceptance.client import Client
from tests.acceptance.conftest import BEGIN_STRINGS, Service

_DEADLINE_S = 10.0


class Numbers(NamedTuple):
    """MsgSeqNum of the next message sent and received."""

    next_out: int
    expected: int


def numbers(service: Service, session: str) -> Numbers:
    """Both sequence numbers. ValueError or FileNotFoundError while the engine makes the file anew."""
    path = _file(service, session)
    if service.engine == "quickfix":
        both = re.fullmatch(r"(\d+) : (\d+)", path.read_text())
        if both is None:
            raise ValueError(f"{path} is being written")
        return Numbers(int(both[1]), int(both[2]))
    words = np.fromfile(path, np.int64, 512)[store._SEQUENCE :]
    return Numbers(int(words[NEXT_OUT]), int(words[EXPECTED]))


def await_numbers(service: Service, client: Client) -> Numbers:
    """Wait until all that the client has sent and received is counted on disk, and return the numbers.

    An engine may count a message after it has answered it. Killed in between, it asks for that message again."""
    received = max(int(message[34]) for message in client.log)
    found: object = None
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        try:
            found = now = numbers(service, client.sender)
            if now.expected == client.out_seq and now.next_out > received:
                return now
        except (ValueError, FileNotFoundError) as error:
            found = error
        time.sleep(0.001)
    raise AssertionError(f"sent to {client.out_seq - 1} and received to {received}, on disk: {found}")


def set_expected(service: Service, session: str, number: int) -> None:
    """Change what a process that has ended has left: `number` is that of the next message received."""
    path = _file(service, session)
    if service.engine == "quickfix":
        next_out, separator, expected = path.read_text().partition(" : ")
        path.write_text(f"{next_out}{separator}{number:0{len(expected)}}")
    else:
        words = np.memmap(path, np.int64, "r+", shape=512)
        words[store._SEQUENCE + EXPECTED] = number
        words.flush()


def stored(service: Service, session: str) -> int:
    """How many messages are stored."""
    if service.engine == "quickfix":  # an entry `number,offset,size ` each
        return len(_file(service, session, "header").read_text().split())
    data = _file(service, session, "store").read_bytes()
    position, count = store._PAGE_BYTES, 0
    (end,) = struct.unpack_from("=q", data, 8 * store._LOG_END)
    while position < end:
        length, _, _ = store._RECORD.unpack_from(data, position)
        position += store._RECORD.size + length
        count += 1
    return count


def _file(service: Service, session: str, suffix: str | None = None) -> Path:
    """The file with the sequence numbers if no other is named."""
    suffix = suffix or {"quickfix": "seqnums", "native": "store"}[service.engine]
    begin_string = BEGIN_STRINGS.get(session, "FIX.4.4")
    return service.config.parent / "var" / "sessions" / f"{begin_string}-QUOTELIFE-{session}.{suffix}"
