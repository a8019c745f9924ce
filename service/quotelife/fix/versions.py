"""Client FIX versions, and the translation of outgoing messages to each.

The RFQ handler reads and writes FIX.4.4 with extensions. Tags have the same numbers in all versions, so incoming
messages need no translation. Outgoing ones are translated for the session they leave on:

    standard     The client has not agreed on extensions: QuoteID (117) of an ExecutionReport and 20001 to 20005 are
                 omitted, so the standard's dictionary of the version allows every field of every message.
    FIX.5.0SP2   BeginString; an open quote is active (297=16), a withdrawn one cancelled (17); a QuoteCancel refers
                 to a single quote (298=5)
    FIX.4.2      QuoteRequestReject and QuoteStatusReport become QuoteAcknowledgement (b). Its QuoteStatus (297) has
                 only accepted, cancelled and rejected, so QuoteRejectReason (300) and Text carry the rest.
                 ExecutionReport gets ExecTransType (20), a fill has ExecType (150) 2, and OrdRejReason (103) "other"
                 becomes broker option. Fields that FIX.4.2 does not have in a message are omitted.
"""

from collections.abc import Callable
from typing import NamedTuple

SOH = "\x01"
NO_SYMBOL = "[N/A]"  # Symbol (55) where there is none
_REFERENCE = "8=FIX.4.4"
_FIX42, _FIXT = "8=FIX.4.2", "8=FIXT.1.1"
_TYPE = len("8=FIX.4.4\x019=0\x0135=")  # where MsgType begins
_TAIL = "10=000\x01"
# The extensions of these messages are their last fields.
_WITH_EXTENSIONS = frozenset(("S\x01", "Z\x01"))
_FIRST_EXTENSION = "\x012000"

# FIX.4.4 QuoteStatus (297) to FIX.4.2 QuoteStatus (297) and, for a rejection, QuoteRejectReason (300)
_STATUS_42 = {"0": ("0", ""), "1": ("1", ""), "4": ("4", ""), "7": ("5", "4"), "9": ("5", "5")}
_REJECTED = "5"
# QuoteRequestRejectReason (658) to QuoteRejectReason (300); no market, pass and other have no counterpart
_REASON_42 = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "8", "6": "9", "9": "3"}
_INSTRUMENT_42 = (55, 48, 22, 167, 200, 205, 201, 202)


def _tags(*numbers: int) -> frozenset[str]:
    return frozenset(map(str, numbers))


# What FIX.4.2 has of the fields that are sent.
_STANDARD_42 = {
    "S": _tags(*_INSTRUMENT_42, 131, 117, 132, 133, 134, 135, 62, 60, 64, 40, 15, 192, *range(188, 192)),
    "8": _tags(
        *_INSTRUMENT_42,
        *(
            97,
            115,
            37,
            17,
            11,
            150,
            39,
            103,
            1,
            63,
            64,
            54,
            38,
            152,
            40,
            44,
            15,
            32,
            31,
            151,
            14,
            6,
            60,
            58,
            192,
            110,
            18,
        ),
        *(115, 59, 126, 194, 195, 119, 120),
    ),
    "Z": _tags(*_INSTRUMENT_42, 131, 117, 298, 295),
    "Q": _tags(*_INSTRUMENT_42, 37, 17, 127, 54, 38, 32, 31, 58),
}
_EXTENSIONS = frozenset(("20001", "20002", "20003", "20004", "20005"))
_EXTENDED_42 = {
    "S": _STANDARD_42["S"] | _EXTENSIONS,
    "8": _STANDARD_42["8"] | {"117"},
    "Z": _STANDARD_42["Z"] | _EXTENSIONS,
    "Q": _STANDARD_42["Q"],
}
_VALUES_42 = {
    ("8", "150"): {"F": "2"},
    ("8", "103"): {"11": "0", "13": "0", "99": "0"},
}
_VALUES_50 = {"AI": {"297=0": "297=16", "297=1": "297=17"}, "Z": {"298=1": "298=5"}}
Translate = Callable[[str], str]


class Version(NamedTuple):
    """A FIX version: `name` in the configuration, BeginString, file of its dictionary, file of its transport dictionary
    if that is separate, and the translations of what the handler writes (None: none needed)."""

    name: str
    begin_string: str
    dictionary: str
    transport: str | None
    to_standard: Translate
    to_extended: Translate | None

    def translation(self, extensions: bool) -> Translate | None:
        """For a session whose client has agreed on `extensions`, or has not."""
        return self.to_extended if extensions else self.to_standard


def _to_standard44(text: str) -> str:
    """Without extensions."""
    msg_type = text[_TYPE : _TYPE + 2]
    if msg_type == "8\x01":
        start = text.find("\x01117=")
        return text if start < 0 else text[:start] + text[text.index(SOH, start + 1) :]
    start = text.find(_FIRST_EXTENSION) if msg_type in _WITH_EXTENSIONS else -1
    return text if start < 0 else text[: start + 1] + _TAIL


def _to_standard50sp2(text: str) -> str:
    return _to_fix50sp2(_to_standard44(text))


def _to_fix50sp2(text: str) -> str:
    text = _FIXT + text[len(_REFERENCE) :]
    for old, new in _VALUES_50.get(_msg_type(text), {}).items():
        text = text.replace(f"\x01{old}\x01", f"\x01{new}\x01")
    return text


def _to_standard42(text: str) -> str:
    return _to_fix42(text, _STANDARD_42)


def _to_extended42(text: str) -> str:
    return _to_fix42(text, _EXTENDED_42)


def _to_fix42(text: str, known: dict[str, frozenset[str]]) -> str:
    """`known`: the fields to send by MsgType, header and trailer aside."""
    msg_type = _msg_type(text)
    fields = [field.split("=", 1) for field in text.split(SOH)[:-1]]
    if msg_type == "AG":
        return _quote_request_reject_42(fields)
    if msg_type == "AI":
        return _quote_status_report_42(fields)
    sent = known[msg_type]
    parts = [_FIX42, "9=0", f"35={msg_type}"]
    for tag, value in fields[3:-1]:
        if tag not in sent:
            continue
        parts.append(f"{tag}={_VALUES_42.get((msg_type, tag), {}).get(value, value)}")
        if tag == "17" and msg_type == "8":
            parts.append("20=0")
    return SOH.join(parts) + SOH + _TAIL


def _quote_request_reject_42(fields: list[list[str]]) -> str:
    """QuoteAcknowledgement for a QuoteRequestReject. It has no field for symbols, so the Text names them."""
    values: dict[str, str] = dict(fields)  # type: ignore[arg-type]
    named = (value for tag, value in fields if tag == "55" and value != NO_SYMBOL)
    symbols = ", ".join(symbol for symbol in named if symbol not in values["58"])
    text = f"{symbols}: {values['58']}" if symbols else values["58"]
    return _acknowledgement(f"131={values['131']}\x01", _REJECTED, _REASON_42.get(values["658"], ""), text)


def _quote_status_report_42(fields: list[list[str]]) -> str:
    """QuoteAcknowledgement for a QuoteStatusReport."""
    values: dict[str, str] = dict(fields)  # type: ignore[arg-type]
    ids = f"131={values['131']}\x01" if "131" in values else ""
    status, reason = _STATUS_42.get(values["297"], (_REJECTED, ""))
    text = values.get("58", "")
    if "62" in values:
        text += f"{'; ' if text else ''}ValidUntilTime (62) {values['62']}"
    return _acknowledgement(f"{ids}117={values['117']}\x01", status, reason, text)


def _acknowledgement(ids: str, status: str, reason: str, text: str) -> str:
    reason_field = f"300={reason}\x01" if reason else ""
    text_field = f"58={text}\x01" if text else ""
    return f"{_FIX42}\x019=0\x0135=b\x01{ids}297={status}\x01{reason_field}{text_field}10=000\x01"


def _msg_type(text: str) -> str:
    start = text.index("\x0135=") + 4
    return text[start : text.index(SOH, start)]


FIX42 = Version("FIX.4.2", "FIX.4.2", "FIX42.xml", None, _to_standard42, _to_extended42)
FIX44 = Version("FIX.4.4", "FIX.4.4", "FIX44.xml", None, _to_standard44, None)
FIX50SP2 = Version("FIX.5.0SP2", "FIXT.1.1", "FIX50SP2.xml", "FIXT11.xml", _to_standard50sp2, _to_fix50sp2)
VERSIONS = {version.name: version for version in (FIX42, FIX44, FIX50SP2)}
DEFAULT_APPL_VER_ID = "9"  # of FIX.5.0SP2, in the Logon (1137)
