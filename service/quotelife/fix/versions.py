"""The versions of FIX that clients speak, and what is said differently in each.

The desk reads and writes FIX.4.4, which is sent as it is. Tags have the same numbers in all versions, so what comes in
needs no translation; what goes out is translated here, on its way to a session of another version:

    FIX.5.0SP2   BeginString; a quote that stands is active (297=16), one that was taken back cancelled (17); a
                 QuoteCancel names its one quote (298=5)
    FIX.4.2      QuoteRequestReject and QuoteStatusReport become QuoteAcknowledgement (b), whose 297 has no words but
                 accepted, cancelled and rejected: 300 and the Text say the rest. ExecutionReport gets ExecTransType
                 (20), a fill is ExecType (150) 2, and OrdRejReason (103) has no "other" but broker option. What a
                 message of FIX.4.2 has no field for is left out.
"""

from collections.abc import Callable
from typing import NamedTuple

SOH = "\x01"
_REFERENCE = "8=FIX.4.4"
_FIX42, _FIXT = "8=FIX.4.2", "8=FIXT.1.1"

# FIX.4.2: of QuoteStatus (297) of FIX.4.4, with the QuoteRejectReason (300) that explains a rejection
_STATUS_42 = {"0": ("0", ""), "1": ("1", ""), "4": ("4", ""), "7": ("5", "4"), "9": ("5", "5")}
_REJECTED = "5"
# QuoteRequestRejectReason (658) to QuoteRejectReason (300); no market, pass and other have none
_REASON_42 = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "8", "6": "9", "9": "3"}
_LEFT_OUT_42 = {"S": frozenset(("54", "537")), "8": frozenset(("117", "693"))}
_VALUES_42 = {
    ("8", "150"): {"F": "2"},
    ("8", "103"): {"11": "0", "13": "0", "99": "0"},
}
_VALUES_50 = {"AI": {"297=0": "297=16", "297=1": "297=17"}, "Z": {"298=1": "298=5"}}


class Version(NamedTuple):
    """A version of FIX: `name` as in the configuration, the BeginString of its sessions, its dictionary's file,
    the session's own where that is another, and the translation of what the desk has written (None: none needed)."""

    name: str
    begin_string: str
    dictionary: str
    transport: str | None
    translate: Callable[[str], str] | None


def _to_fix50sp2(text: str) -> str:
    text = _FIXT + text[len(_REFERENCE) :]
    for old, new in _VALUES_50.get(_msg_type(text), {}).items():
        text = text.replace(f"\x01{old}\x01", f"\x01{new}\x01")
    return text


def _to_fix42(text: str) -> str:
    msg_type = _msg_type(text)
    fields = [field.split("=", 1) for field in text.split(SOH)[:-1]]
    if msg_type == "AG":
        return _refusal_42(fields)
    if msg_type == "AI":
        return _status_42(fields)
    left_out = _LEFT_OUT_42.get(msg_type, frozenset())
    parts = [_FIX42]
    for tag, value in fields[1:]:
        if tag in left_out:
            continue
        parts.append(f"{tag}={_VALUES_42.get((msg_type, tag), {}).get(value, value)}")
        if tag == "17":
            parts.append("20=0")
    return SOH.join(parts) + SOH


def _refusal_42(fields: list[list[str]]) -> str:
    """QuoteAcknowledgement for a QuoteRequestReject. It has no place for symbols: the Text names them."""
    whole: dict[str, str] = dict(fields)  # type: ignore[arg-type]
    symbols = ", ".join(value for tag, value in fields if tag == "55" and value not in whole["58"])
    text = f"{symbols}: {whole['58']}" if symbols else whole["58"]
    return _acknowledgement(f"131={whole['131']}\x01", _REJECTED, _REASON_42.get(whole["658"], ""), text)


def _status_42(fields: list[list[str]]) -> str:
    """QuoteAcknowledgement for a QuoteStatusReport."""
    whole: dict[str, str] = dict(fields)  # type: ignore[arg-type]
    ids = f"131={whole['131']}\x01" if "131" in whole else ""
    status, reason = _STATUS_42.get(whole["297"], (_REJECTED, ""))
    text = whole.get("58", "")
    if "62" in whole:
        text += f"{'; ' if text else ''}ValidUntilTime (62) {whole['62']}"
    return _acknowledgement(f"{ids}117={whole['117']}\x01", status, reason, text)


def _acknowledgement(ids: str, status: str, reason: str, text: str) -> str:
    why = f"300={reason}\x01" if reason else ""
    said = f"58={text}\x01" if text else ""
    return f"{_FIX42}\x019=0\x0135=b\x01{ids}297={status}\x01{why}{said}10=000\x01"


def _msg_type(text: str) -> str:
    start = text.index("\x0135=") + 4
    return text[start : text.index(SOH, start)]


FIX42 = Version("FIX.4.2", "FIX.4.2", "FIX42.xml", None, _to_fix42)
FIX44 = Version("FIX.4.4", "FIX.4.4", "FIX44.xml", None, None)
FIX50SP2 = Version("FIX.5.0SP2", "FIXT.1.1", "FIX50SP2.xml", "FIXT11.xml", _to_fix50sp2)
VERSIONS = {version.name: version for version in (FIX42, FIX44, FIX50SP2)}
DEFAULT_APPL_VER_ID = "9"  # of FIX.5.0SP2, in the Logon (1137)
