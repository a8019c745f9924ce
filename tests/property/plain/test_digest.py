"""The digest kernel of the plain request against that of the general way."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.rfq import quote_request
from quotelife.rfq.plain.digest import digest

HEAD = "8=FIX.4.4\x019=99\x0135=R\x0134=7\x0149=CLIENT\x0152=20261129-11:12:04.019848\x0156=QUOTELIFE\x01"
PRINTABLE = st.text([chr(c) for c in range(32, 127)], min_size=1, max_size=80)


@given(st.lists(PRINTABLE, min_size=1, max_size=8), st.integers(0, 9))
@settings(max_examples=500, deadline=None)
def test_digest_of_a_body_is_that_of_its_message(values, before):
    body = "".join(f"{131 + n}={value}\x01" for n, value in enumerate(values))
    buf = np.frombuffer(b"x" * before + body.encode() + b"10=000\x01", np.uint8).copy()
    text = f"{HEAD}{body}10=000\x01"
    assert digest(buf, before, len(buf) - 7) == quote_request.digest(text)


def test_every_length_and_all_bytes():
    rng = np.random.default_rng(1)
    for n in range(1, 300):
        body = rng.integers(32, 127, n, np.uint8)
        text = HEAD + body.tobytes().decode() + "10=000\x01"
        assert digest(body, 0, n) == quote_request.digest(text)


def test_a_long_body():
    body = np.full(100_000, ord("~"), np.uint8)
    text = HEAD + body.tobytes().decode() + "10=000\x01"
    assert digest(body, 0, len(body)) == quote_request.digest(text)
