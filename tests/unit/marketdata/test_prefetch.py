"""Which instrument the decoder prefetches for the next message."""

import numpy as np

from quotelife.fix.framer import COMPLETE, FRAME_END, frame
from quotelife.marketdata import layout as M
from quotelife.marketdata.prefetch import prefetch_next
from tests.unit.marketdata.decoder_rig import Rig, message


def seen_from(rig: Rig, start: int, stream: bytes) -> int:
    """Row of the message behind the one at `start`, as found by looking ahead from there; -1 if it was not."""
    rig.decoder_state.buf[: len(stream)] = np.frombuffer(stream, np.uint8)
    rig.control[M.END] = len(stream)
    assert frame(rig.decoder_state.buf, start, len(stream), len(stream), rig.decoder_state.frame) == COMPLETE
    prefetch_next(rig.addresses, rig.now_ns)
    return int(rig.decoder_state.scratch[M.S_NEXT_ROW]) - 1


def increment(seq_num: int, symbol: str, text: str = "") -> bytes:
    entry = [(279, 1), (269, 0), (55, symbol), (270, "100"), (271, 1)]
    return message("X", seq_num, [(58, text), (268, 1), *entry] if text else [(268, 1), *entry])


def test_next_symbol_is_found_at_any_position():
    rig = Rig()
    texts = ["", "", "a text", "a text so long that the symbol stands far from where the last one stood", ""]
    stream = b"".join(increment(n, "AB"[n % 2], text) for n, text in enumerate(texts, 1))
    stream += message("0", len(texts) + 1, [(112, "so that the last Symbol is not at the end")])
    found = []
    start = 0
    for _ in texts:
        found.append(seen_from(rig, start, stream))
        start = int(rig.decoder_state.frame[FRAME_END])
    assert found == [0, 1, 0, 1, -1]


def test_an_unknown_symbol_has_no_row():
    rig = Rig()
    assert seen_from(rig, 0, increment(1, "A") + increment(2, "Unknown") + increment(3, "B")) == -1
