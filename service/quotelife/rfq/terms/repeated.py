"""The fields of a request or a hit that the answers repeat, as text.

Only what the standard's dictionary of the version allows is repeated: a client's engine would reject the answer
otherwise, and with it a fill.
"""

from collections.abc import Iterable, Mapping, Sequence

SOH = "\x01"
PARTIES, PARTY_ID, PARTY_SOURCE, PARTY_ROLE = "453", "448", "447", "452"
_NEWEST = "FIXT.1.1"  # BeginString
_SETTL_TYPES = frozenset("0123456789")
# Values of enumerated fields: in FIX.4.2 and FIX.4.4, and those that FIX.5.0SP2 has in addition.
_VALUES = {
    "63": _SETTL_TYPES,
    "660": frozenset(("1", "2", "3", "4", "5", "99")),
    "581": frozenset("1234678"),
    PARTY_SOURCE: frozenset("123456789ABCDEFGHI"),
    PARTY_ROLE: frozenset(str(role) for role in range(1, 39) if role != 23),
}
_MORE_VALUES = {
    "63": frozenset("BC"),
    "660": frozenset("6"),
    "581": frozenset(("9", "10", "11", "12", "13")),
    PARTY_SOURCE: frozenset("JKLMNOPQRSTU"),
    PARTY_ROLE: frozenset(str(role) for role in range(39, 128) if role != 108),
}


def is_repeatable(tag: str, value: str, begin_string: str) -> bool:
    """Whether the version with that BeginString (8) has the value."""
    values = _VALUES.get(tag)
    if values is None:
        return bool(value)
    return value in values or (begin_string == _NEWEST and value in _MORE_VALUES[tag])


def fields_text(tags: Iterable[str], stated: Mapping[str, str]) -> str:
    """Those of the fields `tags` that are stated and can be repeated, as text."""
    begin_string = stated.get("8", "")
    return "".join(
        f"{tag}={stated[tag]}{SOH}" for tag in tags if tag in stated and is_repeatable(tag, stated[tag], begin_string)
    )


def parties_text(fields: Sequence[Sequence[str]], start: int, begin_string: str) -> str:
    """The first group of parties (453) behind `fields[start]`, or the first one at all, as text: the id, its source and
    the role of each. Empty if the group is not complete or has a value that the version does not have."""
    groups = [at for at, (tag, _) in enumerate(fields) if tag == PARTIES]
    at = next((group for group in groups if group >= start), groups[0])
    parts: list[str] = []
    n_parties = 0
    for tag, value in fields[at + 1 :]:
        if tag == PARTY_ID:
            n_parties += 1
        elif tag not in (PARTY_SOURCE, PARTY_ROLE):
            if tag not in ("802", "523", "803", "2376"):
                break
            continue
        if not n_parties or not is_repeatable(tag, value, begin_string):
            return ""
        parts.append(f"{tag}={value}{SOH}")
    if str(n_parties) != fields[at][1]:
        return ""
    return f"{PARTIES}={n_parties}{SOH}{''.join(parts)}"
