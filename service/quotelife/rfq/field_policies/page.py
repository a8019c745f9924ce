"""Writes `fix_config/FIELDS.md`, the page of all policies, from the tables.

Run it with `python -m quotelife.rfq.field_policies.page` after a change; a test compares the page with the tables.
"""

from textwrap import fill

from quotelife.config.shipped import FIX_CONFIG
from quotelife.rfq.field_policies.lookup import ROWS
from quotelife.rfq.field_policies.names import NAMES, NAMES_42
from quotelife.rfq.field_policies.policy import HEADER, Kind, Row

PAGE = FIX_CONFIG / "FIELDS.md"
_MAX_NAMES = 24  # a row with more fields has numbers only
_MAX_WIDTH = 120
_SECTIONS = {
    Kind.HONOURED: "The field means what the standard and these rules say.",
    Kind.ECHOED: "The field is repeated in the answers.",
    Kind.REFUSED_UNLESS: "A message is refused if it has the field with a value that is not allowed. A value is "
    "allowed if it says what the service does anyway; where none is listed, the field must be absent.",
    Kind.IGNORED: "The field cannot change what is quoted or dealt, for the reason given.",
}
_HEAD = """# Every field of a client's message

`fix_config/README.md` has the rules of engagement. This page lists what the service does with each field that the
standard allows in a message from a client, in FIX.4.2, FIX.4.4 or FIX.5.0SP2. A tag has one policy in all versions.

- Messages: QuoteRequest `R`, QuoteResponse `AJ`, NewOrderSingle `D`, QuoteStatusRequest `a`, QuoteCancel `Z`, Logon
  `A`, the reports of hedges from the desk's own sessions (ExecutionReport `8`, TradeCaptureReport `AE`), and the header
  and trailer of all. In a QuoteResponse only a hit is refused for a field, and in a QuoteCancel only one that cancels
  by instrument. Fields of a QuoteStatusRequest that no row names are ignored, because QuoteID (117) names the quote,
  and those of a report, because its symbol, side, quantity and price say what was dealt.
- Fields of your own are ignored: tags from 5000 on, in FIX.5.0SP2 those from 5000 to 39999.
- A refused request gets 658=99, a refused hit 103=99, any other message QuoteStatus (297) 5, and a Logon is not
  accepted. Text (58) names the field, its value and what is allowed: `QtyType (854) is '1'; allowed: 0 (units)`.
- A field that is refused for every instrument refuses a request with several entries whole; one that differs from the
  instrument refuses its entry.
"""


def render() -> str:
    """The page."""
    parts = [_HEAD]
    for kind, meaning in _SECTIONS.items():
        rows = [row for row in ROWS if row.kind is kind]
        if rows:
            parts.append(f"\n## {kind.value[0].upper()}{kind.value[1:]}\n\n{fill(meaning, _MAX_WIDTH)}\n")
            parts.append("\n| in | fields | |\n|---|---|---|\n" + "".join(map(_row, rows)))
    return "".join(parts)


def _row(row: Row) -> str:
    messages = " ".join("header" if message == HEADER else f"`{message}`" for message in row.messages)
    allowed = "; ".join(f"`{value}` {meaning}" for value, meaning in row.allowed.items())
    why = f"{row.why}; allowed: {allowed}" if allowed else row.why
    return f"| {messages} | {_fields(row)} | {why} |\n"


def _fields(row: Row) -> str:
    numbers = row.numbers()
    if len(numbers) > _MAX_NAMES or not all(tag in NAMES for tag in numbers):
        return row.tags.replace(" ", ", ").replace("-", " to ")
    return ", ".join(f"{NAMES[tag]} ({tag})" + _in_42(tag) for tag in numbers)


def _in_42(tag: int) -> str:
    return f" (4.2: {NAMES_42[tag]})" if tag in NAMES_42 else ""


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
