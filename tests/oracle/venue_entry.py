"""What one entry of a W or X says, as text and as numbers; nothing about books."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

Fields = list[tuple[int, str]]

# Types without an effect on a book: every one that FIX 4.2 to 5.0SP2 defines, and implied prices (E, F).
IGNORED_TYPES = frozenset("3456789ABCDEFGHIKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
BID, OFFER, TRADE, EMPTY_BOOK = "0", "1", "2", "J"
BOOK_TYPES = (BID, OFFER, EMPTY_BOOK)

# Fields that a book reads; they stand at most once in an entry.
READ_ONCE = frozenset({48, 55, 83, 269, 270, 271, 278, 279, 280, 346})
DECIDE = READ_ONCE - {48, 55}  # an empty address counts as absent


class Malformed(Exception):
    """The message is not FIX as its dictionary has it; the session rejects it."""


class Spoiled(Exception):
    """The exact effect on the book is not known. The argument is the reason."""


@dataclass(frozen=True)
class Quote:
    """A bid or offer. Price in ticks, size in lots; None where the field is absent."""

    side: int | None
    price: int | None
    size: int | None
    count: int  # NumberOfOrders
    id: str | None  # MDEntryID
    ref: str | None  # MDEntryRefID
    position: int | None

    def need(self, *names: str) -> None:
        if any(getattr(self, name) is None for name in names):
            raise Spoiled("missing_field")


def split(fields: Fields) -> tuple[dict[int, str], str, Fields]:
    """The fields before NoMDEntries, its value, and the fields after it."""
    tags = [tag for tag, _ in fields]
    if 268 not in tags:
        raise Malformed("no NoMDEntries")
    at = tags.index(268)
    return dict(fields[:at]), fields[at][1], fields[at + 1 :]


def raw_entries(group: Fields, level_tag: int | None) -> list[Fields]:
    """The first tag after NoMDEntries that a book reads starts each entry."""
    read = READ_ONCE | {level_tag}
    while group and group[0][0] not in read:
        group = group[1:]
    entries: list[Fields] = []
    for tag, value in group:
        if tag == group[0][0]:
            entries.append([])
        entries[-1].append((tag, value))
    return entries


def entries_of(msg_type: str, count: str, group: Fields, level_tag: int | None) -> Iterator[dict[int, str]]:
    """Malformed if a field that decides is empty or twice in its entry, or NoMDEntries is wrong."""
    entries = raw_entries(group, level_tag)
    for raw in entries:
        entry: dict[int, str] = {}
        for tag, value in raw:
            if tag in DECIDE | {level_tag} and not value:
                raise Malformed(f"{tag} is empty")
            if tag in READ_ONCE | {level_tag} and tag in entry:
                raise Malformed(f"{tag} twice in an entry")
            if msg_type == "X" and tag == 279 and raw[0][0] != 279:
                raise Malformed("279 inside an entry")
            entry[tag] = value
        yield entry
    if count != str(len(entries)):
        raise Malformed("NoMDEntries is wrong")


def decimal(text: str) -> Decimal:
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        raise Malformed(f"{text!r} is not a number")
    return Decimal(text)


def integer(text: str, at_least: int) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) < at_least:
        raise Malformed(f"{text!r} is not an integer from {at_least}")
    return int(text)


def rpt_seq_of(entry: dict[int, str]) -> int | None:
    return integer(entry[83], 0) if 83 in entry else None


def quote_of(entry: dict[int, str], tick: str, lot: str, level_tag: int | None, uses_ids: bool, counts: bool) -> Quote:
    """Malformed is known for the whole entry before a price between two ticks is."""
    price = decimal(entry[270]) if 270 in entry else None
    size = decimal(entry[271]) if 271 in entry else None
    if size is not None and size < 0:
        raise Malformed("negative size")
    quote = Quote(
        side=int(entry[269]) if 269 in entry else None,
        price=None if price is None else int(price / Decimal(tick)),
        size=None if size is None else int(size / Decimal(lot)),
        count=max(1, integer(entry[346], 0)) if counts and 346 in entry else 1,
        id=entry.get(278) if uses_ids else None,
        ref=entry.get(280) if uses_ids else None,
        position=integer(entry[level_tag], 1) if level_tag in entry else None,
    )
    if (price is not None and price % Decimal(tick)) or (size is not None and size % Decimal(lot)):
        raise Spoiled("off_grid")
    return quote


def lots_of(entry: dict[int, str], lot: str) -> int:
    """MDEntrySize of a trade."""
    if 271 not in entry:
        raise Spoiled("missing_field")
    size = decimal(entry[271])
    if size < 0:
        raise Malformed("negative size")
    if size % Decimal(lot):
        raise Spoiled("off_grid")
    return int(size / Decimal(lot))
