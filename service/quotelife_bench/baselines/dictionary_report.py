"""What the dictionary book says it holds. Its own module: the book itself needs the FIX engine."""

import msgspec


class Kept(msgspec.Struct):
    """The ten best levels by symbol and side, (ticks, size), and the entries applied."""

    entries: int
    books: dict[str, list[list[tuple[int, int]]]]
