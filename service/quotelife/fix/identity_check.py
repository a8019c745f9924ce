"""Checks that a message of the peer belongs to the session."""

from quotelife.fix import tags
from quotelife.fix.encode import Identity
from quotelife.fix.fields import as_text


def identity_error(identity: Identity, values: dict[int, bytes]) -> str:
    """What does not belong to the session of this side in a message of the peer with these fields; "" if all does.

    A peer need not return SubIDs; if it does, they are ours."""
    expected = (
        (tags.BeginString, "BeginString", identity.begin_string, True),
        (tags.SenderCompID, "SenderCompID", identity.target_comp_id, True),
        (tags.TargetCompID, "TargetCompID", identity.sender_comp_id, True),
        (tags.SenderSubID, "SenderSubID", identity.target_sub_id, False),
        (tags.TargetSubID, "TargetSubID", identity.sender_sub_id, False),
    )
    for tag, name, own, required in expected:
        found = values.get(tag)
        if own is not None and (required or found is not None) and found != own.encode():
            return f"{name} is {as_text(found)}, not {own}"
    return ""
