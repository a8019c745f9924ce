"""The tables as the handler uses them: the tags that need no look, and the policy of any other.

Fields of the client's own (tags from 5000 on, and from 40000 on where the version is not FIX.5.0SP2) and numbers that
the standard has not assigned have no policy: they are ignored.
"""

from collections.abc import Iterable, Sequence

from quotelife.rfq.field_policies import products, table
from quotelife.rfq.field_policies.names import NAMES, field_name
from quotelife.rfq.field_policies.policy import (
    CANCEL,
    HEADER,
    HEDGES,
    LOGON,
    ORDER,
    REQUEST,
    RESPONSE,
    STATUS_REQUEST,
    Kind,
    Policy,
    Row,
)

MESSAGES = (REQUEST, RESPONSE, ORDER, STATUS_REQUEST, CANCEL, LOGON, *HEDGES)
_FIRST_OWN = 5_000
_MAX_SHOWN = 64  # characters of a value in a Text
_NEWEST = "FIXT.1.1"  # BeginString of the only version with standard fields above
_REST = {  # policies of all fields that no row names
    STATUS_REQUEST: Policy(Kind.IGNORED, table.REST_OF_STATUS_REQUEST, {}),
    **dict.fromkeys(HEDGES, Policy(Kind.IGNORED, table.REST_OF_HEDGE, {})),
}


def _compiled(rows: Iterable[Row]) -> dict[str, dict[int, Policy]]:
    policies: dict[str, dict[int, Policy]] = {name: {} for name in (*MESSAGES, HEADER)}
    for row in rows:
        policy = Policy(row.kind, row.why, row.allowed, row.is_list)
        for message in row.messages:
            for tag in row.numbers():
                if tag in policies[message]:
                    raise ValueError(f"two policies for field {tag} of {message}")
                policies[message][tag] = policy
    for message, policy in _REST.items():
        for tag in NAMES:
            policies[message].setdefault(tag, policy)
    return policies


ROWS = table.ROWS + products.ROWS
POLICIES = _compiled(ROWS)


def _usual(message: str) -> frozenset[str]:
    policies = POLICIES[HEADER] | POLICIES[message]
    return frozenset(str(tag) for tag, policy in policies.items() if policy.kind is not Kind.REFUSED_UNLESS)


# By MsgType: the tags for which no message is refused. Most messages have no others, so one look at the set is enough.
USUAL = {message: _usual(message) for message in MESSAGES}
_REFUSED = {
    message: {str(tag): policy for tag, policy in POLICIES[message].items() if policy.kind is Kind.REFUSED_UNLESS}
    for message in MESSAGES
}
_REFUSED_TAGS = {message: frozenset(policies) for message, policies in _REFUSED.items()}


_STANDARD = frozenset(str(tag) for tag in (*POLICIES[REQUEST], *POLICIES[HEADER]))  # fields of a request


def is_own(tag: str, begin_string: str) -> bool:
    """Whether a field of a request is none of the standard's, but the client's own."""
    return tag not in _STANDARD or (begin_string != _NEWEST and int(tag) >= _FIRST_OWN)


def shortened(value: str) -> str:
    """The value as a Text (58) shows it."""
    return value if len(value) <= _MAX_SHOWN else value[: _MAX_SHOWN - 1] + "…"


def refusal_text(message: str, by_tag: dict[str, str], fields: Sequence[Sequence[str]] | None = None) -> str:
    """The Text (58) for the first field for which the message is refused, empty if there is none. `fields` are all its
    (tag, value), if a tag may occur more than once."""
    policies = _REFUSED[message]
    found = _REFUSED_TAGS[message].intersection(by_tag)
    if not found:
        return ""
    if fields is None or len(fields) == len(by_tag):
        for tag in found:
            if by_tag[tag] not in policies[tag].allowed:
                break
        else:
            return ""
    begin_string = by_tag.get("8", "")
    for tag, value in by_tag.items() if fields is None else fields:
        is_own = tag in found and int(tag) >= _FIRST_OWN and begin_string != _NEWEST
        if tag in found and not is_own and policies[tag].refuses(value):
            name = field_name(int(tag), begin_string)
            return f"{name} ({tag}) is '{shortened(value)}'; allowed: {policies[tag].allowed_text}"
    return ""


def missing_text(message: str, by_tag: dict[str, str]) -> str:
    """The Text (58) for the first required field that is missing or empty, empty if there is none."""
    for tag in table.REQUIRED[message]:
        if not by_tag.get(str(tag)):
            return f"{NAMES[tag]} ({tag}) is missing"
    return ""
