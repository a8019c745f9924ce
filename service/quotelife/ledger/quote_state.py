"""The states of a quote: in memory while it is open, in the history afterwards, on pages and in explanations.

The history stores the names, so that none may change. A reserved quote has been hit, and its fill is on the way to the
disk; a refused one was never issued; an indicative one cannot be hit. The history has no more than open, filled,
expired, withdrawn, passed, refused and indicative: voided, cancelled and replaced quotes are stored as withdrawn, with
their reason.
"""

from typing import Literal, get_args

QuoteState = Literal[
    "open", "reserved", "filled", "expired", "passed", "voided", "withdrawn", "cancelled", "replaced", "refused",
    "indicative",
]  # fmt: skip
OPEN, RESERVED, FILLED, EXPIRED, PASSED, VOIDED, WITHDRAWN, CANCELLED, REPLACED, REFUSED, INDICATIVE = get_args(
    QuoteState
)
