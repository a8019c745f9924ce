"""Reading a journal record: the sides that were decided on, and the one whose lifetime counts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.journal import layout as J
from quotelife.journal.ring import Record
from quotelife_models import decide as D
from quotelife_models import schema as S


class Side(NamedTuple):
    """One side: its name, context float64[N_CONTEXT] and decision float64[OUT_RECORD]."""

    name: str
    context: NDArray[np.float64]
    decision: NDArray[np.float64]


def sides(record: Record) -> list[Side]:
    """The sides that were decided on; none if no model was asked."""
    if record.words[J.KIND] not in (J.KIND_QUOTE, J.KIND_REJECT) or record.words[J.MODEL] < 0:
        return []
    both = zip(("bid", "offer"), record.contexts, record.decisions, strict=True)
    return [Side(*side) for side in both if side[1][S.SIDE] != 0.0]


def weaker(of: list[Side]) -> Side:
    """The side with the shorter lifetime, that of the quote; ValueError without any."""
    return min(of, key=lambda side: float(side.decision[D.OUT_LIFETIME_NS]))
