"""Where the engines answer differently, and why. `fix_config/README.md` states what a client may rely on."""

_GARBLED = (
    "the bytes are no message, and both ignore them; QuickFIX takes the messages that follow, up to the next CheckSum "
    "or all of them, for parts of it, the native engine goes on with the next BeginString"
)
_NO_RANGE = (
    "no message has these numbers, and the standard has no answer; QuickFIX sends a SequenceReset that goes back or "
    "begins where nothing was sent, the native engine sends what there is of the range, or nothing"
)

# By the names of `odd`.
KNOWN: dict[str, str] = {
    **dict.fromkeys(("BodyLength +1", "BodyLength +2", "BodyLength +7", "BodyLength +20", "BodyLength +100"), _GARBLED),
    **dict.fromkeys(
        (
            "a beginning with BodyLength before",
            "without its last SOH, then again",
            "half of it, then again",
            "half of it",
            "without CheckSum",
            "without BodyLength",
            "without BeginString",
            "BodyLength with a letter",
            "BodyLength negative",
            "BodyLength of eleven digits more",
            "bars for SOH",
        ),
        _GARBLED,
    ),
    **dict.fromkeys((f"ResendRequest 7={begin}, 16=1" for begin in ("last", "next")), _NO_RANGE),
    **dict.fromkeys(
        (f"ResendRequest 7={begin}, 16={end}" for begin in ("0", "999990") for end in ("0", "1", "last", "999999")),
        _NO_RANGE,
    ),
    **dict.fromkeys(
        (f"Logon again, MsgSeqNum {shift:+d}" for shift in (0, -1, 2)),
        "a second Logon in FIXT.1.1 without DefaultApplVerID (1137) is rejected by QuickFIX before it ends the "
        "session; the native engine ends it at once",
    ),
    "Reject with a MsgSeqNum that is too high": (
        "QuickFIX counts it and does not ask for what is missing before it; the native engine asks"
    ),
    "a gap behind a SequenceReset that ended another": (
        "QuickFIX does not ask for what is missing, since its ResendRequest for the gap before is not answered; the "
        "native engine asks"
    ),
}
# Fields that only one engine adds, by MsgType; they are left out of the comparison.
ONLY_QUICKFIX = {"j": {1137}}  # DefaultApplVerID, which FIXT.1.1 has in a Logon and nowhere else
