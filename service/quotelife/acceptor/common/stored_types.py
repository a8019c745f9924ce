"""Which messages are stored to be sent again after a ResendRequest.

What binds, ExecutionReports, and answers to the reports of hedges: without its DontKnowTrade a trade that is not booked
looks like one that is. Prices and states are out of date by then, so everything else is gap-filled.
"""

_STORED = frozenset(("8", "Q", "AR"))  # MsgType
_MSG_TYPE = "\x0135="


def is_stored(text: str) -> bool:
    """Whether a message is stored, whose MsgType comes after BeginString and BodyLength."""
    start = text.index(_MSG_TYPE) + len(_MSG_TYPE)
    return text[start : text.index("\x01", start)] in _STORED
