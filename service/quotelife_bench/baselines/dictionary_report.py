"""The report of the dictionary book, in a module that needs no FIX engine."""

import msgspec


class BookReport(msgspec.Struct):
    """The ten best levels by symbol and side, (ticks, size), and the number of applied entries."""

    entries: int
    books: dict[str, list[list[tuple[int, int]]]]
