"""The journal record of a plain request's quote in a kernel; `quotelife.journal.ring.append` publishes it."""

import numpy as np
from numba import njit, types

from quotelife.journal import layout as J
from quotelife.shm.layout import WORD_BYTES

_I, _WORDS, _BYTES = types.int64, types.Array(types.int64, 1, "C"), types.Array(types.uint8, 1, "C")


@njit(types.void(_WORDS, _I, _I, _BYTES, _I, _I), cache=True, nogil=True, _nrt=False)
def fill_text(record, word, n_words, buf, start, end):
    """Fill the text of `n_words` at `word` with `buf[start:end]`, or what fits of it, and zero bytes."""
    record[word : word + n_words] = 0
    into = record.view(np.uint8)[word * WORD_BYTES : (word + n_words) * WORD_BYTES]
    for i in range(min(end - start, n_words * WORD_BYTES)):
        into[i] = buf[start + i]


@njit(types.void(_WORDS, _I, _I, _I, _I, _I, _I, _I, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def fill_quote(
    record, by_desk, wall_ns, mono_ns, row, client, session, side, valid_until_ns, size_lots, took_ns, parameters,
    configuration, digest,
):  # fmt: skip
    """Fill what `RecordWriter.quote` fills, texts aside, for a quote without subscription and smallest hit.

    record int64[RECORD_WORDS]: the deciding kernel has written its part; MIN_QUANTITY is 0. `by_desk` are the flags of
    what the desk's controls have set.
    """
    record[J.KIND] = J.KIND_QUOTE
    record[J.OUTCOME] = by_desk
    record[J.WALL_NS] = wall_ns
    record[J.MONO_NS] = mono_ns
    record[J.INSTRUMENT] = row
    record[J.CLIENT] = client
    record[J.SIDE] = side
    record[J.VALID_UNTIL_NS] = valid_until_ns
    record[J.QUANTITY] = size_lots
    record[J.DECIDED_NS] = took_ns
    record[J.PARAMETERS] = parameters
    record[J.CONFIGURATION] = configuration
    record[J.SESSION] = session
    record[J.DIGEST] = digest


@njit(types.void(_WORDS, _BYTES, _I, _I, _BYTES, _I, _I), cache=True, nogil=True, _nrt=False)
def fill_ids(record, quote_ids, quote_id, quote_id_end, message, request_id, request_id_end):
    """Fill QuoteID with `quote_ids[quote_id:quote_id_end]` and QuoteReqID with `message[request_id:request_id_end]`."""
    fill_text(record, J.QUOTE_ID, J.QUOTE_ID_WORDS, quote_ids, quote_id, quote_id_end)
    fill_text(record, J.REQUEST_ID, J.REQUEST_ID_WORDS, message, request_id, request_id_end)
