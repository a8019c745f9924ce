"""The table of used QuoteReqIDs against a plain ordered dict."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quotelife.rfq import seen_request_ids as U
from quotelife.rfq.seen_request_ids import SeenRequestIds


@given(st.integers(1, 12), st.lists(st.integers(0, 30), max_size=200))
def test_any_sequence_behaves_as_an_ordered_dict(capacity, ids):
    used, oracle = SeenRequestIds(capacity), {}
    for n in ids:
        key = "S", f"r{n}"
        used.add(key)
        if key not in oracle:
            oracle[key] = None
            if len(oracle) > capacity:
                del oracle[next(iter(oracle))]
        assert len(used) == len(oracle)
        assert [m for m in range(31) if ("S", f"r{m}") in used] == [m for m in range(31) if ("S", f"r{m}") in oracle]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2)), max_size=100))
def test_colliding_hashes_are_told_apart(steps):
    """Keys with few home positions in a small table, added and removed; the table contains exactly the keys in it."""
    table, there = np.zeros(16, np.int64), set()
    for home, high in steps:
        key = home + 16 * high
        if key in there:
            U._remove(table, key)
            there.remove(key)
        else:
            table[U._position(table, key)] = key
            there.add(key)
        for known in (h + 16 * n for h in range(4) for n in (1, 2)):
            assert (table[U._position(table, known)] == known) == (known in there)
    assert sorted(table[table != 0]) == sorted(there)


def test_same_id_in_another_session_is_another_key():
    used = SeenRequestIds(10)
    used.add(("A", "r"))
    assert ("A", "r") in used and ("B", "r") not in used and ("A", "s") not in used
