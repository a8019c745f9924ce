"""Sessions of every FIX version that a profile may name, with QuickFIX acceptors as venues."""

import base64
import hashlib
import hmac

import pytest

from quotelife.market.board import layout as L
from tests.acceptance.marketdata.live_feed import live
from tests.acceptance.marketdata.venues.driven_feed import Service
from tests.acceptance.marketdata_client import Venue, eventually, increment, level

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")
CONFIGURATION = """
[[venue]]
name = "VENUE"
profile = "profile.toml"
port = {port}
sender_comp_id = "QUOTELIFE"
heartbeat_s = 1
reconnect_min_ms = 10
reconnect_max_ms = 200
password_file = "passphrase"
secrets = {{ api_key_file = "api_key", key_file = "key" }}

[[instrument]]
symbol = "AAA"
tick = "0.5"
lot = "0.001"
venue = "VENUE"
"""
PROFILE = """
title = "HMAC-SHA256 over the Logon's header, SubIDs, microseconds, and data with SOH"
tried = "here"

[session]
version = "{version}"
target_comp_id = "VENUE"
sender_sub_id = "DESK-1"
target_sub_id = "PRICES"
time_decimals = {decimals}

[logon]
secrets = ["api_key", "key"]
fields = [
    {{ tag = 96, value = "{{signature}}\\u0001{{nonce}}" }},
    {{ tag = 553, value = "{{SenderCompID}}" }},
    {{ tag = 554, value = "{{password}}" }},
    {{ tag = 9407, value = "{{api_key}}" }},
]

[logon.signature]
algorithm = "hmac-sha256"
over = "{{SendingTime}}\\u0001{{MsgType}}\\u0001{{MsgSeqNum}}\\u0001{{api_key}}\\u0001{{password}}"
key = "key"
key_encoding = "hex"
"""
SECRETS = {"passphrase": "open sesame", "api_key": "API-KEY-1", "key": "00ff10"}


def check_logon(logon: dict[int, str], begin_string: str, decimals: int) -> str:
    """What the acceptor read from the Logon. Returns its signature with the nonce."""
    assert logon[8] == begin_string
    assert logon.get(1137) == ("9" if begin_string == "FIXT.1.1" else None)
    assert (logon[50], logon[57], logon[141], logon[34]) == ("DESK-1", "PRICES", "Y", "1")
    assert len(logon[52]) == len("20260101-00:00:00") + decimals + bool(decimals)
    signature, _, nonce = logon[96].partition("\x01")
    text = "\x01".join((logon[52], "A", "1", "API-KEY-1", "open sesame"))
    assert base64.b64decode(signature) == hmac.new(b"\x00\xff\x10", text.encode(), hashlib.sha256).digest()
    assert len(base64.b64decode(nonce)) == 32 and logon[95] == str(len(logon[96]))
    assert (logon[553], logon[554], logon[9407]) == ("QUOTELIFE", "open sesame", "API-KEY-1")
    return logon[96]


async def answer(venue: Venue, service: Service) -> None:
    request = await venue.subscription("AAA")
    entries = [level(0, "100.0", 1), level(1, "101", "1.5")]
    venue.send("W", (55, "AAA"), (262, request), entries=entries)
    await eventually(lambda: service.row("AAA")[L.STATE] == L.BOOK_LIVE)


@pytest.mark.parametrize(("version", "decimals"), list(zip(VERSIONS, (0, 3, 6), strict=True)))
async def test_session_of_a_version_from_logon_to_reconnect(tmp_path, caplog, version, decimals):
    begin_string = "FIXT.1.1" if version == "FIX.5.0SP2" else version
    (tmp_path / "profile.toml").write_text(PROFILE.format(version=version, decimals=decimals))
    (tmp_path / "venue").mkdir()
    async with (
        Venue.running(tmp_path / "venue", SECRETS["passphrase"], version) as venue,
        live(tmp_path, CONFIGURATION.format(port=venue.port), SECRETS) as service,
    ):
        first = check_logon(await venue.expect("A"), begin_string, decimals)
        await answer(venue, service)
        venue.send("X", entries=[increment(0, 0, "AAA", (270, "100.5"), (271, "0.25"))])
        await eventually(lambda: service.book("AAA")[0] == ["100.5 x 0.250", "100.0 x 1.000"])
        venue.send("1", (112, "hello"))
        heartbeat = await venue.expect("0", t112="hello")
        assert (heartbeat[50], heartbeat[57]) == ("DESK-1", "PRICES")
        venue.tell("skip", 3)
        venue.send("X", entries=[increment(0, 0, "AAA", (270, "100"), (271, "2"))])
        await venue.expect("2")
        await answer(venue, service)
        venue.tell("disconnect")
        second = check_logon(await venue.expect("A"), begin_string, decimals)
        await answer(venue, service)
    assert first != second
    assert not [secret for secret in (*SECRETS.values(), first, second) if secret in caplog.text]


async def test_refused_logon_is_logged_without_secrets(tmp_path, caplog):
    (tmp_path / "profile.toml").write_text(PROFILE.format(version="FIX.4.4", decimals=3))
    (tmp_path / "venue").mkdir()
    async with (
        Venue.running(tmp_path / "venue", "another") as venue,
        live(tmp_path, CONFIGURATION.format(port=venue.port), SECRETS) as service,
    ):
        await venue.expect("A")
        await venue.expect("A")
        assert service.feeds[0].logons == 0
    assert "logon refused" in caplog.text
    assert not [secret for secret in SECRETS.values() if secret in caplog.text]
