"""The symbol table, and the addresses of the decoder's arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.marketdata.decoder_state import addresses_of
from quotelife.marketdata.symbol_table import SymbolTable
from tests.unit.marketdata.decoder_rig import Rig

names = st.text(st.characters(exclude_characters="\x01", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.dictionaries(names, st.integers(0, 10_000), max_size=60), st.lists(names, max_size=20))
@settings(max_examples=100, deadline=None)
def test_symbols_are_found(rows, others):
    table = SymbolTable(rows)
    for symbol, row in rows.items():
        assert table.row_of(symbol.encode()) == row
    for symbol in others:
        assert table.row_of(symbol.encode()) == rows.get(symbol, -1)
    assert table.row_of(b"") == -1


def test_ten_thousand_symbols():
    rows = {f"SYM{n}": n for n in range(10_000)}
    table = SymbolTable(rows)
    assert all(table.row_of(symbol.encode()) == row for symbol, row in rows.items())


def test_addresses_of_rejects_unusable_arrays():
    state = Rig().decoder_state
    with pytest.raises(ValueError, match="px"):
        addresses_of(state._replace(px=state.px[:, :1]))
    with pytest.raises(ValueError, match="control"):
        addresses_of(state._replace(control=np.zeros(32)))
