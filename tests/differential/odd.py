"""Odd things that a client may send, each with a name: what is wrong with a header, a field, a range, the bytes."""

from collections.abc import Callable, Iterator

from tests.differential.script import (
    EXPECTED,
    Connection,
    Fields,
    Message,
    Moment,
    Ours,
    QuoteRef,
    Segment,
    Theirs,
    Value,
)
from tests.differential.server import LOGON_FIELDS

HEADERS: dict[str, tuple[int, Value | None]] = {
    "SenderCompID of another": (49, "SOMEBODY"),
    "SenderCompID empty": (49, ""),
    "SenderCompID missing": (49, None),
    "TargetCompID of another": (56, "SOMEBODY"),
    "TargetCompID empty": (56, ""),
    "TargetCompID missing": (56, None),
    "SendingTime missing": (52, None),
    "SendingTime empty": (52, ""),
    "SendingTime not a time": (52, "now"),
    "SendingTime of yesterday": (52, Moment(-86_400)),
    "SendingTime of the next hour": (52, Moment(3_600)),
    "SendingTime in seconds": (52, Moment(0, 0)),
    "SendingTime in milliseconds": (52, Moment(0, 3)),
    "MsgSeqNum missing": (34, None),
    "MsgSeqNum empty": (34, ""),
    "MsgSeqNum not a number": (34, "x"),
    "MsgSeqNum 0": (34, 0),
    "MsgSeqNum negative": (34, -1),
    "MsgSeqNum 2**31": (34, 2**31),
    "MsgSeqNum 2**63": (34, 2**63),
    "MsgSeqNum with decimals": (34, "1.5"),
    "MsgSeqNum with a plus": (34, "+5"),
    "MsgType missing": (35, None),
    "MsgType empty": (35, ""),
}
FIELDS: dict[str, tuple[int | str, Value]] = {
    "field without tag and value": ("", ""),
    "field without tag": ("", "x"),
    "tag of letters": ("x", "1"),
    "tag 0": (0, "1"),
    "tag negative": (-1, "1"),
    "tag with decimals": ("1.5", "1"),
    "tag of eleven digits": (99999999999, "1"),
    "tag with a space": (" 58", "x"),
    "tag with a leading zero": ("058", "x"),
    "CheckSum inside": (10, "000"),
    "BeginString inside": (8, "FIX.4.4"),
    "BodyLength inside": (9, "10"),
    "MsgType twice": (35, "R"),
    "MsgSeqNum twice": (34, "1"),
    "SenderCompID twice": (49, "x"),
    "SendingTime twice": (52, Moment()),
    "TargetCompID twice": (56, "x"),
    "empty value": (58, ""),
    "SignatureLength": (93, 3),
    "Signature": (89, "abc"),
    "RawDataLength too long": (95, 5),
    "RawDataLength": (95, 2),
    "EncodedTextLen": (354, 3),
    "EncodedText": (355, "\u00e9"),
    "SecureData with SOH": (91, "a\x01=b"),
}
DUPLICATES: dict[str, Fields] = {
    "PossDup": [(43, "Y"), (122, Moment(-1))],
    "PossDup without OrigSendingTime": [(43, "Y")],
    "PossDup with a later OrigSendingTime": [(43, "Y"), (122, Moment(60))],
    "PossDup with an OrigSendingTime that is no time": [(43, "Y"), (122, "x")],
    "PossDup with an empty OrigSendingTime": [(43, "Y"), (122, "")],
    "PossDupFlag neither Y nor N": [(43, "x")],
    "PossDupFlag empty": [(43, "")],
    "PossDup and PossResend": [(43, "Y"), (122, Moment(-1)), (97, "Y")],
    "PossResend neither Y nor N": [(97, "x")],
    "OrigSendingTime without PossDup": [(122, "x")],
}
LENGTHS: dict[str, int] = {f"BodyLength {n:+d}": n for n in (1, -1, 2, -2, 7, -7, 20, -30, 100)}
CHECKSUMS: dict[str, int] = {f"CheckSum {n:+d}": n for n in (1, 2, 128, 255)}


def _without_field(raw: bytes, tag: bytes) -> bytes:
    return b"\x01".join(field for field in raw.split(b"\x01") if not field.startswith(tag + b"="))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "garbage before": lambda raw: b"garbage" + raw,
    "garbage behind": lambda raw: raw + b"garbage\x01",
    "SOH before": lambda raw: b"\x01\x01" + raw,
    "zero bytes before": lambda raw: b"\x00" * 20 + raw,
    "8=FIX before": lambda raw: b"8=FIX" + raw,
    "a beginning with BodyLength before": lambda raw: b"8=FIX.4.4\x019=5\x01" + raw,
    "without its last SOH, then again": lambda raw: raw[:-1] + raw,
    "half of it, then again": lambda raw: raw[: len(raw) // 2] + raw,
    "half of it": lambda raw: raw[: len(raw) // 2],
    "without CheckSum": lambda raw: _without_field(raw, b"10"),
    "without BodyLength": lambda raw: _without_field(raw, b"9"),
    "without BeginString": lambda raw: _without_field(raw, b"8"),
    "BeginString FOO": lambda raw: raw.replace(b"8=FIX", b"8=FOO", 1),
    "BeginString of another version": lambda raw: raw.replace(b"8=FIX", b"8=FIX.3", 1),
    "BodyLength with a leading zero": lambda raw: raw.replace(b"\x019=", b"\x019=0", 1),
    "BodyLength with a letter": lambda raw: raw.replace(b"\x019=", b"\x019=x", 1),
    "BodyLength negative": lambda raw: raw.replace(b"\x019=", b"\x019=-", 1),
    "BodyLength of eleven digits more": lambda raw: raw.replace(b"\x019=", b"\x019=99999999999", 1),
    "CheckSum with a letter": lambda raw: raw.replace(b"\x0110=", b"\x0110=x"),
    "CheckSum with a space": lambda raw: raw.replace(b"\x0110=", b"\x0110= "),
    "CheckSum of two digits": lambda raw: raw[:-2] + b"\x01",
    "bars for SOH": lambda raw: raw.replace(b"\x01", b"|"),
    "twice": lambda raw: raw + raw,
    "MsgSeqNum before MsgType": lambda raw: raw.replace(b"\x0135=", b"\x0134=7\x0135=", 1),
}
RESETS: dict[str, Fields] = {
    f"SequenceReset 123={flag}, 36={text}": [(123, flag), (36, value)]
    for flag in "YNx"
    for text, value in (
        ("next", Ours()), ("next+1", Ours(1)), ("next+4", Ours(4)), ("next-1", Ours(-1)), ("1", 1), ("0", 0),
        ("-1", -1), ("x", "x"), ("empty", ""), ("10**10", 10**10),
    )
} | {"SequenceReset without 36": [(123, "Y")], "SequenceReset without 123": [(36, Ours(2))]}  # fmt: skip
RANGES: dict[str, Fields] = {
    f"ResendRequest 7={begin}, 16={end}": [(7, first), (16, last)]
    for begin, first in (
        ("1", 1), ("2", Theirs(2)), ("last", Theirs(0, -1)), ("next", Theirs(EXPECTED)), ("0", 0), ("-1", -1),
        ("x", "x"), ("empty", ""), ("999990", 999_990),
    )
    for end, last in (("0", 0), ("1", 1), ("last", Theirs(0, -1)), ("999999", 999_999), ("x", "x"), ("-1", -1))
} | {"ResendRequest without 7": [(16, 0)], "ResendRequest without 16": [(7, 1)]}  # fmt: skip
TYPES = (
    *("ZZ", "U1", "0x", "r", "s", "8", "S", "AG", "AI", "B", "V", "W", "b", "j", "Q", "AE", "x" * 50, "35", "A1", "AR"),
    *("AJ", "AJ1", "\u00e9", "BE", "CB", "n", "i", "g", "h", "F", "G", "H", "9", "AP"),
)


def _request(shift: int = 0) -> Message:
    return Message("R", [(131, "odd"), (146, 1), (55, "ETH-USD"), (54, "1"), (38, "1")], shift=shift)


def _probes() -> Iterator[tuple[str, list[Message]]]:
    """A request with each oddity, and the odd session messages."""
    for name, (tag, value) in HEADERS.items():
        message = _request()
        message.header = {tag: value}
        yield name, [message]
    for name, field in FIELDS.items():
        for place in ("header", "body"):
            message = _request()
            (message.more if place == "header" else message.body).append(field)
            yield f"{name} in the {place}", [message]
    for name, more in DUPLICATES.items():
        for shift in (0, -1, 1):
            message = _request()
            message.more, message.shift = more, shift
            yield f"{name}, MsgSeqNum {shift:+d}", [message]
    for name, length in LENGTHS.items():
        yield name, [Message("R", _request().body, length=length)]
    for name, checksum in CHECKSUMS.items():
        yield name, [Message("R", _request().body, checksum=checksum)]
    for name, damage in DAMAGES.items():
        yield name, [Message("R", _request().body, damage=damage)]
    for name, fields in RESETS.items():
        for shift in (0, -1, 2):
            yield f"{name}, MsgSeqNum {shift:+d}", [Message("4", fields, shift=shift)]
    for name, fields in RANGES.items():
        yield name, [Message("2", fields)]
    for msg_type in TYPES:
        yield f"MsgType {msg_type}", [Message(msg_type, [(58, "text")])]
    for shift in (0, -1, 2):
        yield f"Logout, MsgSeqNum {shift:+d}", [Message("5", shift=shift)]
        yield f"Logon again, MsgSeqNum {shift:+d}", [Message("A", [(98, 0), (108, 30)], shift=shift)]
    yield "Reject with a MsgSeqNum that is too high", [Message("3", [(45, 1)], shift=1)]
    reset = Message("4", [(36, Ours(3))], shift=1)
    yield "a gap behind a SequenceReset that ended another", [_request(1), reset, _request(9)]


def probes(version: str, attempt: int = 1) -> Iterator[tuple[str, Connection]]:
    """Each odd message alone, behind a filled hit, and before two TestRequests: with its number, in case the server
    does not count it, and with the next one. Each attempt has ids of its own."""
    for n, (name, messages) in enumerate(_probes()):
        for message in messages:
            message.steps = 0
            message.body = [(131, f"odd {n}.{attempt}") if field == (131, "odd") else field for field in message.body]
        order = version == "FIX.4.2"
        hit: Fields = [
            (11 if order else 693, f"hit {n}.{attempt}"),
            (117, QuoteRef(-1, 117)),
            (55, "BTC-USD"),
            (54, 1),
            (38, "1"),
        ]
        hit.append((40, "D") if order else (694, 1))
        request = Message("R", [(131, f"for {n}.{attempt}"), (146, 1), (55, "BTC-USD"), (54, "1"), (38, "1")])
        first = Segment([request]), Segment([Message("D" if order else "AJ", hit)])
        last = [*messages, Message("1", [(112, "same")], steps=0), Message("1", [(112, "next")], shift=1, steps=0)]
        logon = Message("A", [(98, 0), (108, 30), (141, "Y"), *LOGON_FIELDS[version]])
        yield name, Connection(logon, [*first, Segment(last, fence=False)], confirms=n % 2 == 0)
