"""Memory layouts, declared field by field: offsets, struct formats and dtypes follow from the declaration.

    RECORD = Layout()
    SEQUENCE = RECORD.int64("sequence")
    QUOTE_ID = RECORD.text("quote_id", 6)
    FEATURES = RECORD.float64("features", N_FEATURES)
    RECORD_WORDS = RECORD.size()

Each call returns the offset of the field's first word as a plain int, which kernels use as a constant.
"""

import struct
from typing import NamedTuple

import numpy as np

WORD_BYTES = 8
LINE_WORDS = 8  # of a cache line
_CODES = {"int64": "q", "float64": "d"}


class Field(NamedTuple):
    """`offset` and `n_words` in words of 8 bytes; `kind` is int64, float64 or text."""

    name: str
    kind: str
    offset: int
    n_words: int


class Layout:
    """Fields in the order of their declaration, without gaps except where a field asks for an alignment."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self._end = 0

    def int64(self, name: str, n: int = 1, *, align: int = 1) -> int:
        """Declare `n` words of int64, the first at a multiple of `align` words; returns its offset."""
        return self._declare(name, "int64", n, align)

    def float64(self, name: str, n: int = 1) -> int:
        """Declare `n` words of float64; returns the offset of the first."""
        return self._declare(name, "float64", n, 1)

    def text(self, name: str, n_words: int) -> int:
        """Declare UTF-8 text, padded with zero bytes; returns the offset of its first word."""
        return self._declare(name, "text", n_words, 1)

    def _declare(self, name: str, kind: str, n_words: int, align: int) -> int:
        offset = -(-self._end // align) * align
        self.fields.append(Field(name, kind, offset, n_words))
        self._end = offset + n_words
        return offset

    def size(self, multiple: int = LINE_WORDS) -> int:
        """Words of the whole, rounded up to a multiple: whole cache lines if none is given."""
        return -(-self._end // multiple) * multiple

    def struct(self, *offsets: int) -> struct.Struct:
        """Format of the fields at these ascending offsets, for a buffer that begins at the first.

        An offset inside a field of several words selects that word only. Fields between two offsets are skipped;
        packing overwrites them with zeros.
        """
        code, at = "=", offsets[0]
        for offset in offsets:
            if offset < at:
                raise ValueError(f"offset {offset} is not behind the field before it, which ends at {at}")
            field = self._field_at(offset)
            text = field.kind == "text"
            code += f"{(offset - at) * WORD_BYTES}x" if offset > at else ""
            code += f"{field.n_words * WORD_BYTES}s" if text else _CODES[field.kind]
            at = offset + (field.n_words if text else 1)
        return struct.Struct(code)

    @property
    def dtype(self) -> np.dtype[np.void]:
        """One record as a numpy type with named fields; its size is that of `size()`."""
        return np.dtype(
            {
                "names": [f.name for f in self.fields],
                "formats": [_format(f) for f in self.fields],
                "offsets": [f.offset * WORD_BYTES for f in self.fields],
                "itemsize": self.size() * WORD_BYTES,
            }
        )

    def _field_at(self, offset: int) -> Field:
        for field in self.fields:
            if field.offset <= offset < field.offset + field.n_words:
                return field
        raise ValueError(f"no field at word {offset}")


def _format(field: Field) -> object:
    if field.kind == "text":
        return f"S{field.n_words * WORD_BYTES}"
    return field.kind if field.n_words == 1 else (field.kind, (field.n_words,))
