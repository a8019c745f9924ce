"""Plays the scenarios of deploy/README.md: `>` is sent, `<` must come back, `; wait until TIME` waits.

`{name}` keeps a value where it is first seen and stands for it afterwards. Ids of the client's own (131, 693) differ
with each attempt, because a market that moves may refuse, withdraw or miss what the next attempt gets.
"""

import re
import time
from pathlib import Path

from tests.acceptance.client import Client, Message, seconds

_OWN_IDS = (131, 693)
ATTEMPTS = 12
Fields = list[tuple[int, str]]


class Mismatch(AssertionError):
    """What came is not what the script says."""


def scenarios(path: Path) -> list[list[str]]:
    """The lines of every block ```fix of a page."""
    return [block.strip().splitlines() for block in re.findall(r"```fix\n(.*?)```", path.read_text(), re.DOTALL)]


def play(client: Client, lines: list[str]) -> None:
    """One scenario; Mismatch with the last attempt's message if none of `ATTEMPTS` went as it says."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _attempt(client, lines, attempt)
            return
        except (Mismatch, TimeoutError) as error:
            last = error
            client.unread.clear()  # messages of the attempt that failed
    raise last


def _attempt(client: Client, lines: list[str], attempt: int) -> None:
    kept: dict[str, str] = {}
    for line in lines:
        what, _, rest = line.partition(" ")
        if what == ";":
            time.sleep(max(seconds(kept[rest.split("{")[1].rstrip("}")]) - time.time() + 0.05, 0.0))
            continue
        fields = [_own(tag, value, attempt) for tag, value in _fields(rest)]
        assert fields[0][0] == 35, line
        if what == ">":
            _send(client, [(tag, kept[value[1:-1]] if value.startswith("{") else value) for tag, value in fields])
        else:
            _expect(client.receive(*_answers(fields[0][1]), timeout=5), fields[1:], kept, fields[0][1])


def _fields(text: str) -> Fields:
    pairs = (pair.partition("=") for pair in text.strip().rstrip("|").split("|"))
    return [(int(tag), value) for tag, _, value in pairs]


def _own(tag: int, value: str, attempt: int) -> tuple[int, str]:
    return (tag, f"{value}.{attempt}") if tag in _OWN_IDS else (tag, value)


def _send(client: Client, fields: Fields) -> None:
    client.send(fields[0][1], fields[1:])


def _answers(wanted: str) -> tuple[str, ...]:
    """What may come in the place of a message, which is then a mismatch at once."""
    return ("S", "AG") if wanted in ("S", "AG") else (wanted,)


def _expect(message: Message, fields: Fields, kept: dict[str, str], wanted: str) -> None:
    if message.type != wanted:
        raise Mismatch(f"{message} instead of 35={wanted}")
    for tag, value in fields:
        found = message.get(tag)
        if value.startswith("{"):
            value = kept.setdefault(value[1:-1], found or "")
        if found != value or not value:
            raise Mismatch(f"{tag}={value} is wanted in {message}")
