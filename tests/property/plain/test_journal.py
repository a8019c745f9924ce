"""Records of the plain request's kernels against those of RecordWriter, word for word."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from quotelife.journal import layout as J
from quotelife.journal import ring
from quotelife.journal.record import Record
from quotelife.journal.record_writer import RecordWriter
from quotelife.rfq.plain.journal import fill_ids, fill_quote
from quotelife.shm.arrays import word_array, word_array2

N_SLOTS = 4
TEXTS = st.text([chr(c) for c in range(32, 127)], min_size=1, max_size=80)
WORD = st.integers(-(2**63), 2**63 - 1)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


@njit("int64(int64, int64, int64, int64[::1])", nogil=True, _nrt=False)
def append(header, slots, n_slots, record):
    """As the kernel of a plain request appends: from addresses."""
    header = word_array(header, J.HEADER_WORDS)
    return ring.append(header, word_array2(slots, n_slots, J.RECORD_WORDS), record)


def as_array(text: str) -> np.ndarray:
    return np.frombuffer(b"131=" + text.encode() + b"\x01", np.uint8).copy()


def decided(seed: int) -> Record:
    """A record with what the deciding kernel leaves in it; everything else is random too, but for MIN_QUANTITY."""
    record = Record()
    record.words[:] = np.random.default_rng(seed).integers(-(2**62), 2**62, J.RECORD_WORDS)
    record.min_lots = 0
    return record


class Journals:
    """The same records, written in both ways."""

    def __init__(self, folder) -> None:
        self.general, self.kernel = (ring.Writer(folder / name, N_SLOTS) for name in ("general", "kernel"))
        self.paths = folder / "general", folder / "kernel"

    def contents(self) -> list[np.ndarray]:
        found = []
        for path in self.paths:
            words = np.fromfile(path, np.int64)
            words[J.H_WRITER_PID] = 0
            found.append(words)
        return found


@given(
    st.integers(0, 2**32), st.lists(WORD, min_size=9, max_size=9), st.integers(1, 2**62), TEXTS, TEXTS, HASHES, HASHES,
    st.integers(1, 6),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_records_are_equal_word_for_word(
    tmp_path_factory, seed, words, until_ns, quote_id, request_id, parameters, configuration, count
):
    journals = Journals(tmp_path_factory.mktemp("journals"))
    writer = RecordWriter(journals.general, parameters)
    writer.set_configuration(configuration)
    wall, mono, row, client, session, side, lots, took, digest = words
    mine, buf, ids = decided(seed), as_array(request_id), as_array(quote_id)
    for n in range(count):  # more than the ring has slots
        writer.quote(
            decided(seed + n), wall, mono, row, client, session, side, until_ns, lots, took, quote_id, request_id,
            digest, False, 0,
        )  # fmt: skip
        mine.words[:] = decided(seed + n).words
        fill_quote(
            mine.words, mine.outcome & (J.MODEL_FORCED | J.STATE_HELD), wall,
            mono, row, client, session, side, until_ns, lots, took, *writer.hashes.tolist(),
            digest,
        )  # fmt: skip
        fill_ids(mine.words, ids, 4, len(ids) - 1, buf, 4, len(buf) - 1)
        assert append(*journals.kernel.addresses, mine.words) == n
    general, kernel = journals.contents()
    assert (general == kernel).all()


def test_without_a_journal_there_are_no_addresses(tmp_path):
    assert RecordWriter(None, "0" * 64).ring_addresses == (0, 0, 0)
    written = ring.Writer(tmp_path / "journal", N_SLOTS)
    assert RecordWriter(written, "0" * 64).ring_addresses == written.addresses
    assert written.addresses[2] == N_SLOTS
