"""Checks that a message of the peer belongs to the session."""

from typing import NamedTuple

from quotelife.fix import tags
from quotelife.fix.encode import Identity
from quotelife.fix.fields import as_text


class HeaderField(NamedTuple):
    """What a header field of the peer contains; if not `required` it may be absent."""

    tag: int
    name: str
    value: bytes
    required: bool


def header_of_peer(identity: Identity) -> tuple[HeaderField, ...]:
    """The header of the other side. It need not return SubIDs; if it does, they are ours."""
    fields = [
        HeaderField(tags.BeginString, "BeginString", identity.begin_string.encode(), True),
        HeaderField(tags.SenderCompID, "SenderCompID", identity.target_comp_id.encode(), True),
        HeaderField(tags.TargetCompID, "TargetCompID", identity.sender_comp_id.encode(), True),
    ]
    if identity.target_sub_id is not None:
        fields.append(HeaderField(tags.SenderSubID, "SenderSubID", identity.target_sub_id.encode(), False))
    if identity.sender_sub_id is not None:
        fields.append(HeaderField(tags.TargetSubID, "TargetSubID", identity.sender_sub_id.encode(), False))
    return tuple(fields)


def identity_error(header: tuple[HeaderField, ...], values: dict[int, bytes]) -> str:
    """What does not belong to the session in a message with these fields; "" if all does."""
    for tag, name, own, required in header:
        found = values.get(tag)
        if found != own and (required or found is not None):
            return f"{name} is {as_text(found)}, not {as_text(own)}"
    return ""
