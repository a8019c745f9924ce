"""The framer against a naive one: the same messages from any stream, split anywhere."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.fix.encode import frame_bytes
from quotelife.fix.framer import (
    COMPLETE,
    FRAME_END,
    FRAME_SKIPPED,
    FRAME_START,
    FRAME_WORDS,
    GARBLED,
    INCOMPLETE,
    frame,
)

LIMIT = 300
HEAD = re.compile(rb"8=FIX[^\x01]{0,16}\x019=(\d{1,7})\x01")
PADDING = b"." * LIMIT  # after it every candidate is decided


def naive(data: bytes) -> tuple[list[bytes], int, int]:
    """Messages, number of garbled ones, bytes skipped."""
    messages, garbled, kept, pos = [], 0, 0, 0
    while (begin := data.find(b"8=FIX", pos)) >= 0:
        head = HEAD.match(data, begin)
        length = int(head[1]) if head else 0
        if head is None or length == 0 or head.end() - begin + length + 7 > LIMIT:
            garbled, pos = garbled + 1, begin + 1
            continue
        trailer = head.end() + length
        end = trailer + 7
        assert end <= len(data)
        tail = data[trailer:end]
        if data[trailer - 1] != 1 or tail[:3] != b"10=" or tail[6] != 1:
            garbled, pos = garbled + 1, begin + 1
            continue
        if tail[3:6] != b"%03d" % (sum(data[begin:trailer]) % 256):
            garbled, pos = garbled + 1, end
            continue
        messages.append(data[begin:end])
        kept += end - begin
        pos = end
    return messages, garbled, len(data) - kept


def framed(chunks: list[bytes]) -> tuple[list[bytes], int, int]:
    """The same from the kernel, chunk by chunk."""
    buf = np.zeros(1 << 14, np.uint8)
    out = np.zeros(FRAME_WORDS, np.int64)
    messages, garbled, skipped = [], 0, 0
    start = end = 0
    for chunk in chunks:
        buf[end : end + len(chunk)] = np.frombuffer(chunk, np.uint8)
        end += len(chunk)
        while start < end:
            status = frame(buf, start, end, LIMIT, out)
            skipped += int(out[FRAME_SKIPPED])
            start = int(out[FRAME_END])
            if status == COMPLETE:
                messages.append(buf[out[FRAME_START] : start].tobytes())
            elif status == GARBLED:
                garbled += 1
            else:
                assert status == INCOMPLETE
                break
    return messages, garbled, skipped


values = st.text(st.characters(codec="ascii", exclude_characters="\x01"), min_size=1, max_size=12)
contents = st.lists(st.tuples(st.integers(1, 9999), values), min_size=1, max_size=8).map(
    lambda fields: "".join(f"{tag}={value}\x01" for tag, value in fields).encode()
)
good = contents.map(lambda content: frame_bytes(b"FIX.4.4", content))
pieces = st.sampled_from(
    [b"8=", b"8=F", b"8=FIX", b"8=FIX.4.4\x01", b"9=5\x01", b"9=0\x01", b"10=000\x01", b"\x01", b"="]
)
garbage = st.one_of(st.binary(max_size=20), pieces)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A message with a byte changed, removed or inserted."""
    message = bytearray(draw(good))
    at = draw(st.integers(0, len(message) - 1))
    match draw(st.sampled_from(["change", "cut", "insert"])):
        case "change":
            message[at] = draw(st.integers(0, 255))
        case "cut":
            del message[at]
        case _:
            message.insert(at, draw(st.integers(0, 255)))
    return bytes(message)


streams = st.lists(st.one_of(good, garbage, broken()), max_size=10).map(lambda parts: b"".join(parts) + PADDING)


@given(data=st.data(), stream=streams)
@settings(max_examples=300, deadline=None)
def test_any_stream_split_anywhere_gives_the_same_messages(data, stream):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    messages, garbled, skipped = naive(stream)
    assert framed(chunks) == (messages, garbled, skipped)
    assert framed([bytes([byte]) for byte in stream]) == (messages, garbled, skipped)


@given(st.lists(good, min_size=1, max_size=5), st.lists(st.binary(max_size=30), min_size=6, max_size=6))
@settings(max_examples=100, deadline=None)
def test_good_messages_survive_garbage_between_them(messages, junk):
    junk = [j.replace(b"8", b".") for j in junk]
    stream = b"".join(j + m for j, m in zip(junk, messages, strict=False)) + junk[-1] + PADDING
    found, garbled, _ = framed([stream])
    assert found == [m for m in messages if len(m) <= LIMIT]
    assert garbled == sum(len(m) > LIMIT for m in messages)
