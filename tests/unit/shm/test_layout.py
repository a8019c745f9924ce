"""Layouts: offsets, struct formats and dtypes of one declaration agree with each other."""

import numpy as np
import pytest

from quotelife.journal import layout as J
from quotelife.market.board import layout as B
from quotelife.market.capture import layout as C
from quotelife.shm.layout import WORD_BYTES, Layout


@pytest.fixture
def record():
    layout = Layout()
    layout.int64("number")
    layout.text("name", 2)
    layout.float64("values", 3)
    layout.int64("next", align=8)
    return layout


def test_offsets_follow_the_declaration(record):
    assert [(f.name, f.offset, f.n_words) for f in record.fields] == [
        ("number", 0, 1),
        ("name", 1, 2),
        ("values", 3, 3),
        ("next", 8, 1),
    ]
    assert (record.size(1), record.size(), record.size(64)) == (9, 16, 64)


def test_the_struct_and_the_dtype_read_the_same_values(record):
    words = np.zeros(record.size(), np.int64)
    record.struct(0, 1).pack_into(words.data, 0, 7, "Zürich".encode())
    words[3:6].view(np.float64)[:] = 0.5, 1.5, 2.5
    words[8] = -1
    fields = words.view(record.dtype)[0]
    assert (fields["number"], fields["name"].decode(), fields["next"]) == (7, "Zürich", -1)
    assert fields["values"].tolist() == [0.5, 1.5, 2.5]
    assert record.struct(0, 4, 8).unpack_from(words.data) == (7, 1.5, -1)
    assert record.struct(4, 5).unpack_from(words.data, 4 * WORD_BYTES) == (1.5, 2.5)


def test_a_struct_of_unordered_or_undeclared_words_is_an_error(record):
    with pytest.raises(ValueError, match="offset 0"):
        record.struct(1, 0)
    with pytest.raises(ValueError, match="offset 2"):
        record.struct(1, 2)
    with pytest.raises(ValueError, match="word 6"):
        record.struct(6)


@pytest.mark.parametrize(
    "layout", [J.HEADER, J.RECORD, B.HEADER, B.VENUE_BLOCK, B.ROW, B.SNAPSHOT, C.HEADER, C.EVENT], ids=list("abcdefgh")
)
def test_names_of_a_layout_are_unique(layout):
    names = [field.name for field in layout.fields]
    assert len(set(names)) == len(names)
