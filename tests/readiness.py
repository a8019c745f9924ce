"""Waiting for a descriptor. `select.select` fails above 1,023, and a worker of pytest may have more open."""

import select
from typing import IO


def readable(file: int | IO[str], seconds: float) -> bool:
    """Whether a descriptor or file can be read, or has ended, within that time."""
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    return bool(waiting.poll(seconds * 1e3))
