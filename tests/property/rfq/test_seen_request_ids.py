"""The table of used QuoteReqIDs against a plain ordered dict, its hash against a naive one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quotelife.rfq import seen_request_ids as U
from quotelife.rfq.seen_request_ids import SeenRequestIds

_64 = 2**64 - 1


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


@given(st.integers(1, 6), st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=200))
def test_an_id_is_known_while_it_has_a_quote_and_among_the_newest_without_one(capacity, steps):
    used, held, order = SeenRequestIds(capacity), set(), []
    for drops, n in steps:
        key = "S", f"r{n}"
        if drops and key in held:
            used.drop(key)
            held.remove(key)
            order = [*order, key][-capacity:]
        elif not drops and key not in held:  # as an id of an ended subscription may get a quote again
            used.hold(key)
            held.add(key)
        assert [m for m in range(31) if ("S", f"r{m}") in used] == [
            m for m in range(31) if ("S", f"r{m}") in held or ("S", f"r{m}") in order
        ]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2)), max_size=100))
def test_colliding_hashes_are_told_apart(steps):
    """Keys with few home positions in a small table, added and removed; the table contains exactly the keys in it."""
    table, there = np.zeros((2, 16), np.int64), set()
    keys, counts = table
    for home, high in steps:
        key = home + 16 * high
        if key in there:
            U._remove(table, key)
            there.remove(key)
        else:
            at = U._position(keys, key)
            keys[at], counts[at] = key, 100 + key
            there.add(key)
        assert all(keys[U._position(keys, key)] == key for key in there)
        assert all(counts[U._position(keys, key)] == 100 + key for key in there)
        assert sorted(keys[keys != 0]) == sorted(there)


def _rotated(x: int, bits: int) -> int:
    return (x << bits | x >> (64 - bits)) & _64


def _siphash13(raw: bytes, k0: int, k1: int) -> int:
    """Word by word as in the paper."""
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn() -> None:
        v[0] = (v[0] + v[1]) & _64
        v[2] = (v[2] + v[3]) & _64
        v[1] = _rotated(v[1], 13) ^ v[0]
        v[3] = _rotated(v[3], 16) ^ v[2]
        v[0] = _rotated(v[0], 32)
        v[2] = (v[2] + v[1]) & _64
        v[0] = (v[0] + v[3]) & _64
        v[1] = _rotated(v[1], 17) ^ v[2]
        v[3] = _rotated(v[3], 21) ^ v[0]
        v[2] = _rotated(v[2], 32)

    padded = raw + bytes(-(len(raw) + 1) % 8) + bytes([len(raw) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        turn()
        v[0] ^= word
    v[2] ^= 255
    for _ in range(3):
        turn()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


@given(st.binary(max_size=80), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_the_hash_is_that_of_the_paper(raw, key0, key1):
    buffer = np.frombuffer(b"??" + raw, np.uint8).copy()
    expected = _siphash13(raw, key0 & _64, key1 & _64)
    assert U.request_key(buffer, 2, len(buffer), key0, key1) & _64 == expected


@given(st.text(max_size=64), st.text(max_size=64))
def test_ids_of_different_sessions_are_told_apart(first, second):
    used = SeenRequestIds(4)
    used.add(("A", first))
    assert ("A", first) in used and ("B", first) not in used
    assert (("A", second) in used) == (first == second)


def test_the_table_grows_with_the_quotes_in_memory():
    used = SeenRequestIds(2)
    size = used.words[U.SEEN_TABLE_SIZE]
    for n in range(100):
        used.hold(("S", f"r{n}"))
    assert used.words[U.SEEN_TABLE_SIZE] > size and all(("S", f"r{n}") in used for n in range(100))
    for n in range(100):
        used.drop(("S", f"r{n}"))
    assert [n for n in range(100) if ("S", f"r{n}") in used] == [98, 99]
