"""Which quotes of the history are wanted, and from where on."""

from typing import NamedTuple

from quotelife.ledger.quote_state import QuoteState


class QuoteFilter(NamedTuple):
    """None for any. Refusals are found by their state only. `text` is part of an id, a client, a symbol or a reason."""

    client: str | None = None
    symbol: str | None = None
    model: str | None = None
    state: QuoteState | None = None
    text: str | None = None


class QuoteKey(NamedTuple):
    """Orders quotes in time: `id` is the QuoteID, of a refusal the QuoteReqID."""

    wall_ns: int
    id: str

    @property
    def cursor(self) -> str:
        """The key as a text."""
        return f"{self.wall_ns}.{self.id}"

    @classmethod
    def from_cursor(cls, text: str) -> "QuoteKey":
        """ValueError if it is not the text of a key."""
        wall_ns, point, quote_id = text.partition(".")
        if not point or not (wall_ns.isascii() and wall_ns.isdecimal()) or len(wall_ns) > 19:
            raise ValueError(text)
        return cls(int(wall_ns), quote_id)
