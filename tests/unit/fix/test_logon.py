"""Parsing a connection's first message."""

import pytest

from quotelife.fix.logon import MAX_LOGON_BYTES, NotALogon, read_logon
from tests.acceptance.client import encode

FIELDS = [(35, "A"), (34, 1), (49, "OMS"), (52, "20260105-10:00:00"), (56, "Q"), (98, 0), (108, 30)]
LOGON = encode("FIX.4.4", [*FIELDS, (553, "desk"), (554, "s=cret"), (141, "Y")])


def test_logon_is_read_once_complete():
    for length in range(1, len(LOGON)):
        assert read_logon(LOGON[:length]) is None
    for rest in (b"", b"8=FIX", b"anything"):
        logon = read_logon(LOGON + rest)
        assert logon is not None
        assert (logon.begin_string, logon.sender_comp_id, logon.target_comp_id) == ("FIX.4.4", "OMS", "Q")
        assert (logon.username, logon.password, logon.reset) == ("desk", "s=cret", True)


def test_logon_without_credentials_and_repr_without_password():
    logon = read_logon(encode("FIXT.1.1", [*FIELDS, (1137, 9)]))
    assert logon is not None and logon.username is None and logon.password is None and not logon.reset
    assert "s=cret" not in repr(read_logon(LOGON))


def test_fields_of_a_logon_hold_no_secrets():
    secrets = [(96, "raw"), (925, "new"), (1402, "old"), (1404, "newer")]
    logon = read_logon(encode("FIX.4.4", [*FIELDS, (554, "s=cret"), *secrets, (464, "N")]))
    assert logon is not None
    assert [value for tag, value in logon.fields if tag in ("554", "96", "925", "1402", "1404")] == ["***"] * 5
    assert {"108": "30", "464": "N", "49": "OMS"}.items() <= dict(logon.fields).items()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS on a port without TLS
        b" " + LOGON,
        b"8=FIX.4.4\x0135=A\x01" + b"49=OMS\x01" * 5,
        encode("FIX.4.4", [(35, "0"), *FIELDS[1:]]),
        encode("FIX.4.4", [FIELDS[1], FIELDS[0], *FIELDS[2:]]),
        encode("FIX.4.4", [*FIELDS, (49, "OTHER")]),
        encode("FIX.4.4", [*FIELDS, (554, "a"), (554, "b")]),
        encode("FIX.4.4", [*FIELDS, (95, 8), (96, "\x0149=B")]),  # a duplicate inside a data field
        encode("FIX.4.4", [*FIELDS, (8, "FIX.4.2")]),
        encode("FIX.4.4", [f for f in FIELDS if f[0] != 49]),
        encode("FIX.4.4", [*FIELDS, (58, "x" * MAX_LOGON_BYTES)]),
        LOGON[:-4] + b"%03d\x01" % ((int(LOGON[-4:-1]) + 1) % 256),
        LOGON.replace(b"\x0110=", b"\x0119="),
        b"8=FIX.4.4\x019=0\x0110=000\x01" + b"x" * 40,
    ],
)
def test_anything_but_a_logon_is_rejected(raw):
    with pytest.raises(NotALogon) as refused:
        read_logon(raw)
    assert "s=cret" not in str(refused.value)


def test_overlong_first_message_is_rejected_at_once():
    with pytest.raises(NotALogon, match="longer than"):
        read_logon(b"8=FIX.4.4\x019=9999\x01")
