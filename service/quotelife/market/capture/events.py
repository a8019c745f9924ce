"""Converts capture events to Arrow tables, the columns of the Parquet files, and back.

Each column is a word of the events of some kinds (see `quotelife.market.capture.layout`) and null for other kinds.
Prices in ticks, sizes in lots.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quotelife.market.capture import layout as L

Words = npt.NDArray[np.int64]
_LEVELS = (L.LEVEL, L.IMAGE)


class _Column(NamedTuple):
    """Source of a column: the kinds of events that have it, the word and its bits."""

    kinds: tuple[int, ...]
    word: int
    shift: int = 0
    mask: int = -1
    kind: pa.DataType = pa.int64()


_DETAIL = (L.KIND_WORD, L.DETAIL_SHIFT, L.BYTE, pa.int8())
_COUNT = pa.int32()
_COLUMNS: Mapping[str, _Column] = {
    "side": _Column(_LEVELS, *_DETAIL),  # 0 bid, 1 offer
    "price": _Column((*_LEVELS, L.TRADE), L.A),
    "size": _Column((*_LEVELS, L.TRADE), L.B),
    "orders": _Column(_LEVELS, L.C),
    "bid": _Column((L.BOOK,), L.A),
    "ask": _Column((L.BOOK,), L.B),
    "bid_adds": _Column((L.BOOK,), L.C, 0, L.COUNT_MASK, _COUNT),
    "ask_adds": _Column((L.BOOK,), L.C, L.COUNT_BITS, L.COUNT_MASK, _COUNT),
    "bid_cancels": _Column((L.BOOK,), L.C, 2 * L.COUNT_BITS, L.COUNT_MASK, _COUNT),
    "ask_cancels": _Column((L.BOOK,), L.C, 3 * L.COUNT_BITS, L.COUNT_MASK, _COUNT),
    "aggressor": _Column((L.TRADE,), L.C, kind=pa.int8()),
    "aggressor_taken": _Column((L.TRADE,), L.D, kind=pa.int8()),
    "state": _Column((L.STATE, L.KEYFRAME), *_DETAIL),  # one of the BOOK_ values of the board
    "halted": _Column((L.HALTED, L.KEYFRAME_END), *_DETAIL),
    "trades": _Column((L.KEYFRAME,), L.A),
    "traded_lots": _Column((L.KEYFRAME,), L.B),
    "bid_floor": _Column((L.KEYFRAME,), L.C),
    "ask_floor": _Column((L.KEYFRAME,), L.D),
    "version": _Column((L.KEYFRAME_END,), L.A),
    "top_since_ns": _Column((L.KEYFRAME_END,), L.B),
    "sentiment_ns": _Column((L.KEYFRAME_END,), L.D),
    "memory_part": _Column((L.MEMORY,), *_DETAIL),
    "memory_0": _Column((L.MEMORY,), L.A),
    "memory_1": _Column((L.MEMORY,), L.B),
    "memory_2": _Column((L.MEMORY,), L.C),
    "memory_3": _Column((L.MEMORY,), L.D),
    "lost": _Column((L.LOST,), L.A),
}
_SENTIMENT = {L.NEWS: L.A, L.KEYFRAME_END: L.C}  # float64 bits
PRICES_OR_NONE = ("bid", "ask", "bid_floor", "ask_floor")  # null where the word is NO_PRICE
_KINDS = pa.array(L.KIND_NAMES)


def table(
    sequence: Words, words: Words, run: int, venues: Sequence[str] = (), position: Words | None = None
) -> pa.Table:
    """Arrow table of events `words` int64[n, EVENT_WORDS] of one instrument, with these sequence numbers.

    The column `venue` is venues[position], null where `position` int64[n] is -1. Default: the source of an event, of
    one venue always that.
    """
    kind = words[:, L.KIND_WORD] & L.BYTE
    columns = {
        "run": pa.array(np.full(len(words), run)),
        "sequence": pa.array(sequence),
        "kind": pa.DictionaryArray.from_arrays(kind.astype(np.int8), _KINDS),
        "received_ns": pa.array(np.ascontiguousarray(words[:, L.RECEIVED_NS])),
        "wall_ns": pa.array(np.ascontiguousarray(words[:, L.WALL_NS])),
        "exchange_ns": pa.array(np.ascontiguousarray(words[:, L.EXCHANGE_NS]), mask=words[:, L.EXCHANGE_NS] == 0),
        "venue": _venue(words, venues, position),
    }
    for name, c in _COLUMNS.items():
        values = (words[:, c.word] >> c.shift) & c.mask
        absent = ~np.isin(kind, c.kinds) | (values == L.NO_PRICE if name in PRICES_OR_NONE else False)
        columns[name] = pa.array(np.where(absent, 0, values), mask=absent).cast(c.kind)
    sentiment = np.zeros(len(words))
    for event_kind, word in _SENTIMENT.items():
        sentiment[kind == event_kind] = words[kind == event_kind, word].view(np.float64)
    columns["sentiment"] = pa.array(sentiment, mask=~np.isin(kind, list(_SENTIMENT)))
    return pa.table(columns)


def _venue(words: Words, venues: Sequence[str], position: Words | None) -> pa.DictionaryArray:
    if position is None:
        source = (words[:, L.KIND_WORD] >> L.SOURCE_SHIFT) & L.BYTE
        position = np.zeros(len(words), np.int64) if len(venues) == 1 else source - 1
    known = (position >= 0) & (position < len(venues))
    codes = pa.array(np.where(known, position, 0).astype(np.int8), mask=~known)
    return pa.DictionaryArray.from_arrays(codes, pa.array(venues, pa.string()))


def words_of(columns: Mapping[str, npt.NDArray[np.generic]], row: int) -> Words:
    """Events int64[n, EVENT_WORDS] from the columns of a table, with `kind` as numbers, nulls of PRICES_OR_NONE as
    NO_PRICE and other nulls as zeros. The inverse of `table` but for the source, which replays do not need."""
    kind = columns["kind"].astype(np.int64)
    words = np.zeros((len(kind), L.EVENT_WORDS), np.int64)
    words[:, L.KIND_WORD] = kind | row << L.ROW_SHIFT
    words[:, L.RECEIVED_NS] = columns["received_ns"]
    words[:, L.WALL_NS] = columns["wall_ns"]
    words[:, L.EXCHANGE_NS] = columns["exchange_ns"]
    for name, c in _COLUMNS.items():
        selected = np.isin(kind, c.kinds)
        if name not in columns:  # files of an older version lack the columns of newer kinds
            continue
        words[selected, c.word] |= columns[name][selected].astype(np.int64) << c.shift
    for event_kind, word in _SENTIMENT.items():
        words[kind == event_kind, word] = columns["sentiment"][kind == event_kind].astype(np.float64).view(np.int64)
    return words
