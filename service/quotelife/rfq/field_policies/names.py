"""Names of the standard's fields, for the Text (58) of a refusal.

`standard_fields.txt` has the tag and the name of each field that the standard's dictionaries of FIX.4.2, FIX.4.4 and
FIX.5.0SP2 (EP 299) allow in a message that clients send; the names are those of the newest version.
"""

from pathlib import Path

_OLD_VERSION = "FIX.4.2"
NAMES_42 = {
    22: "IDSource",
    23: "IOIid",
    32: "LastShares",
    63: "SettlmntTyp",
    64: "FutSettDate",
    77: "OpenClose",
    80: "AllocShares",
    193: "FutSettDate2",
    211: "PegDifference",
    389: "DiscretionOffset",
}


def _read() -> dict[int, str]:
    lines = (Path(__file__).parent / "standard_fields.txt").read_text(encoding="ascii").splitlines()
    return {int(tag): name for tag, name in (line.split() for line in lines)}


NAMES = _read()


def field_name(tag: int, begin_string: str) -> str:
    """The name of a standard field in a message with that BeginString (8); KeyError for other tags."""
    old = NAMES_42.get(tag) if begin_string == _OLD_VERSION else None
    return old or NAMES[tag]
