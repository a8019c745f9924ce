"""What an engine has on disk of a session: its sequence numbers, and the messages that it would send again."""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quotelife.fix import store
from quotelife.fix.session import EXPECTED, NEXT_OUT
from tests.acceptance.conftest import BEGIN_STRINGS, Service


class Numbers(NamedTuple):
    """MsgSeqNum of the next message sent and received."""

    next_out: int
    expected: int


def numbers(service: Service, session: str) -> Numbers:
    """Both sequence numbers."""
    if service.engine == "quickfix":
        next_out, expected = _file(service, session, "seqnums").read_text().split(" : ")
        return Numbers(int(next_out), int(expected))
    words = np.fromfile(_file(service, session, "store"), np.int64, 512)[store._SEQUENCE :]
    return Numbers(int(words[NEXT_OUT]), int(words[EXPECTED]))


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


def _file(service: Service, session: str, suffix: str) -> Path:
    begin_string = BEGIN_STRINGS.get(session, "FIX.4.4")
    return service.config.parent / "var" / "sessions" / f"{begin_string}-QUOTELIFE-{session}.{suffix}"
