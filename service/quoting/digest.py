"""A short digest of what a message says, by which a repeated one is told from another under the same id."""

from hashlib import blake2b

from service.quoting.request import SOH

_TARGET = "\x0156="  # TargetCompID: the engine writes a header in the order of its tags, and always has this one
# What may stand behind it in a header: 57, 90 and 91, 97, 115, 116, 122, 128, 129, 142 to 145, 347, 369, 627 ...
_BEHIND = frozenset(
    ("57", "90", "91", "97", "115", "116", "122", "128", "129", "142", "143", "144", "145", "212", "213", "347", "369")
)
_TRAILER = len("10=000\x01")


def digest(text: str) -> int:
    """64 bits, signed, of a message's body: the same whichever way it was sent, with PossResend or without."""
    start = text.find(SOH, text.find(_TARGET) + 1) + 1
    while text[start : text.find("=", start)] in _BEHIND:
        start = text.find(SOH, start) + 1
    body = text[start:-_TRAILER].encode("utf-8", "replace")
    return int.from_bytes(blake2b(body, digest_size=8).digest(), "little", signed=True)
