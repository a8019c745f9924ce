"""The Logon of each recipe, from profile and configuration to bytes; signatures are computed here by other means."""

import base64
import hashlib
import hmac
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from quotelife.config import load
from quotelife.fix.fields import split_fields
from quotelife.fix.initiator import InitiatorSession
from quotelife.fix.settings import SessionSettings
from quotelife.marketdata.session_settings import session_settings

S = 1_000_000_000
WALL = 1_719_487_045 * S + 223_000_000  # 20240627-11:17:25.223

CONFIG = """
[[venue]]
name = "V"
profile = "profile.toml"
port = 9000
sender_comp_id = "EXAMPLE"
target_comp_id = "SPOT"
heartbeat_s = 30
{}

[[instrument]]
symbol = "AAA"
tick = "0.01"
lot = "1"
venue = "V"

[[client]]
name = "Desk"
sessions = ["DESK"]
"""
STATIC = """
title = "static"
tried = "here"
"""
# As Binance documents it.
ED25519 = """
title = "ed25519"
tried = "here"
[logon]
secrets = ["api_key", "private_key"]
fields = [
    { tag = 96, value = "{signature}" },
    { tag = 553, value = "{api_key}" },
    { tag = 25035, value = "2" },
]
[logon.signature]
algorithm = "ed25519"
over = "{MsgType}\\u0001{SenderCompID}\\u0001{TargetCompID}\\u0001{MsgSeqNum}\\u0001{SendingTime}"
key = "private_key"
key_encoding = "pem"
"""
# As Coinbase Exchange documents it.
COINBASE = """
title = "hmac"
tried = "here"
[session]
version = "FIX.5.0SP2"
[logon]
secrets = ["secret"]
fields = [
    { tag = 553, value = "{SenderCompID}" },
    { tag = 554, value = "{password}" },
    { tag = 96, value = "{signature}" },
]
[logon.signature]
algorithm = "hmac-sha256"
over = "{SendingTime}\\u0001{MsgType}\\u0001{MsgSeqNum}\\u0001{SenderCompID}\\u0001{TargetCompID}\\u0001{password}"
key = "secret"
key_encoding = "base64"
"""
# As Coinbase Prime documents it.
COINBASE_PRIME = """
title = "hmac"
tried = "here"
[session]
version = "FIX.4.2"
[logon]
secrets = ["api_key", "secret", "portfolio"]
fields = [
    { tag = 1, value = "{portfolio}" },
    { tag = 96, value = "{signature}" },
    { tag = 554, value = "{password}" },
    { tag = 9407, value = "{api_key}" },
]
[logon.signature]
algorithm = "hmac-sha256"
over = "{SendingTime}{MsgType}{MsgSeqNum}{api_key}{TargetCompID}{password}"
key = "secret"
"""
# As Kraken Prime documents it.
KRAKEN_PRIME = """
title = "hmac"
tried = "here"
[logon]
secrets = ["api_key", "secret"]
fields = [{ tag = 96, value = "{signature}" }, { tag = 554, value = "{api_key}" }]
[logon.signature]
algorithm = "hmac-sha256"
over = "{SendingTime}\\u0001{MsgSeqNum}\\u0001{SenderCompID}\\u0001{TargetCompID}"
key = "secret"
encoding = "base64url"
"""
# As Deribit documents it.
DERIBIT = """
title = "sha256"
tried = "here"
[logon]
secrets = ["secret"]
fields = [
    { tag = 96, value = "{timestamp_ms}.{nonce}" },
    { tag = 553, value = "{username}" },
    { tag = 554, value = "{signature}" },
]
[logon.signature]
algorithm = "sha256"
over = "{96}{secret}"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TEST_PASSWORD", "pass-word")
    monkeypatch.setenv("TEST_SECRET", "c2VjcmV0IGtleQ==")
    monkeypatch.setenv("TEST_API_KEY", "API-KEY-1")
    monkeypatch.setenv("TEST_PORTFOLIO", "portfolio-1")
    return tmp_path


def settings_of(folder: Path, profile: str, keys: str = "") -> SessionSettings:
    (folder / "profile.toml").write_text(profile)
    (folder / "quotelife.toml").write_text(CONFIG.format(keys))
    config = load(folder / "quotelife.toml")
    return session_settings(config, config.venue[0])


def logon_bytes(settings: SessionSettings, wall_ns: int = WALL, session: InitiatorSession | None = None) -> bytes:
    session = session or InitiatorSession(settings)
    session.connected(0, wall_ns)
    return session.drain()


def fields_of(message: bytes) -> dict[int, str]:
    fields = split_fields(message)
    assert len(dict(fields)) == len(fields), "no tag twice"
    return {tag: value.decode() for tag, value in fields}


def logon(folder: Path, profile: str, keys: str = "") -> dict[int, str]:
    return fields_of(logon_bytes(settings_of(folder, profile, keys)))


def test_static_user_name_and_password_are_sent_if_configured(folder):
    assert not {553, 554} & logon(folder, STATIC).keys()
    found = logon(folder, STATIC, 'username = "desk"\npassword_env = "TEST_PASSWORD"')
    assert (found[553], found[554], found[98], found[108], found[141]) == ("desk", "pass-word", "0", "30", "Y")


def test_reset_of_sequence_numbers_is_the_profiles(folder):
    assert 141 not in logon(folder, STATIC + "[session]\nreset_seq_num = false")


@pytest.mark.parametrize(
    ("version", "begin_string", "appl_ver_id"),
    [("FIX.4.2", "FIX.4.2", None), ("FIX.4.4", "FIX.4.4", None), ("FIX.5.0SP2", "FIXT.1.1", "9")],
)
def test_version_is_the_profiles(folder, version, begin_string, appl_ver_id):
    found = logon(folder, STATIC + f'[session]\nversion = "{version}"')
    assert (found[8], found.get(1137)) == (begin_string, appl_ver_id)


def test_header_is_the_profiles_and_the_venues(folder):
    profile = STATIC + '[session]\nsender_sub_id = "S"\ntarget_sub_id = "QUOTE"\ntime_decimals = 6'
    found = logon(folder, profile, 'sender_sub_id = "DESK-7"')
    assert (found[50], found[57], found[52]) == ("DESK-7", "QUOTE", "20240627-11:17:25.223000")


def test_further_sessions_of_a_venue_have_compids_with_a_number(folder):
    settings_of(folder, STATIC)
    config = load(folder / "quotelife.toml")
    found = [session_settings(config, config.venue[0], n).identity.sender_comp_id for n in (1, 2, 3)]
    assert found == ["EXAMPLE", "EXAMPLE2", "EXAMPLE3"]


# --- Ed25519

# Published by Binance for checks of implementations: binance-spot-api-docs, fix-api.md, "How to sign Logon request".
PUBLISHED_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u
-----END PRIVATE KEY-----
"""
PUBLISHED_API_KEY = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb"
PUBLISHED_SIGNATURE = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
ED25519_KEYS = 'secrets = { api_key_env = "TEST_API_KEY", private_key_file = "key.pem" }'


def write_key(folder: Path, pem: str) -> None:
    (folder / "key.pem").write_text(pem)
    (folder / "key.pem").chmod(0o600)


def new_key() -> tuple[str, Ed25519PublicKey]:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), key.public_key()


def test_ed25519_logon_is_the_one_that_binance_publishes(folder, monkeypatch):
    monkeypatch.setenv("TEST_API_KEY", PUBLISHED_API_KEY)
    write_key(folder, PUBLISHED_KEY)
    message = logon_bytes(settings_of(folder, ED25519, ED25519_KEYS))
    found = fields_of(message)
    assert (found[96], found[95]) == (PUBLISHED_SIGNATURE, "88")
    # The order of fields is free; length and checksum do not depend on it.
    assert (found[9], found[10]) == ("247", "227")
    assert b"\x0195=88\x0196=" in message


def test_public_key_verifies_every_ed25519_logon_and_each_signs_anew(folder):
    pem, public = new_key()
    write_key(folder, pem)
    settings = settings_of(folder, ED25519, ED25519_KEYS)
    session = InitiatorSession(settings)
    seen = set()
    for wall_ns in (WALL, WALL + S, WALL + 2 * S):
        found = fields_of(logon_bytes(settings, wall_ns, session))
        signed = "\x01".join((found[35], found[49], found[56], found[34], found[52]))
        public.verify(base64.b64decode(found[96]), signed.encode())
        seen.add(found[96])
        session.disconnected()
    assert len(seen) == 3


def test_ed25519_key_may_come_from_the_environment_or_as_raw_bytes(folder, monkeypatch):
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keys = 'secrets = { api_key_env = "TEST_API_KEY", private_key_env = "TEST_KEY" }'
    for encoding, text in (("pem", pem), ("base64", base64.b64encode(raw).decode()), ("hex", raw.hex())):
        monkeypatch.setenv("TEST_KEY", text)
        found = logon(folder, ED25519.replace('"pem"', f'"{encoding}"'), keys)
        signed = "\x01".join((found[35], found[49], found[56], found[34], found[52]))
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(found[96]), signed.encode())


# --- HMAC-SHA256 and SHA-256


def test_coinbase_exchange_logon_is_signed_over_the_documented_text(folder):
    keys = 'password_env = "TEST_PASSWORD"\nsecrets = { secret_env = "TEST_SECRET" }'
    found = logon(folder, COINBASE, keys)
    text = "\x01".join((found[52], "A", "1", "EXAMPLE", "SPOT", "pass-word"))
    expected = hmac.new(base64.b64decode("c2VjcmV0IGtleQ=="), text.encode(), hashlib.sha256).digest()
    assert base64.b64decode(found[96], validate=True) == expected
    assert (found[8], found[1137], found[553], found[554]) == ("FIXT.1.1", "9", "EXAMPLE", "pass-word")
    assert found[95] == str(len(found[96]))


def test_coinbase_prime_logon_is_signed_over_the_documented_text(folder):
    keys = (
        'password_env = "TEST_PASSWORD"\nsecrets = { api_key_env = "TEST_API_KEY", secret_env = "TEST_SECRET", '
        'portfolio_env = "TEST_PORTFOLIO" }'
    )
    found = logon(folder, COINBASE_PRIME, keys)
    text = "20240627-11:17:25.223" + "A" + "1" + "API-KEY-1" + "SPOT" + "pass-word"
    expected = hmac.new(b"c2VjcmV0IGtleQ==", text.encode(), hashlib.sha256).digest()
    assert base64.b64decode(found[96], validate=True) == expected
    assert (found[1], found[554], found[9407]) == ("portfolio-1", "pass-word", "API-KEY-1")


def test_kraken_prime_logon_is_signed_over_the_documented_text_in_url_safe_base64(folder):
    keys = 'secrets = { api_key_env = "TEST_API_KEY", secret_env = "TEST_SECRET" }'
    settings = settings_of(folder, KRAKEN_PRIME, keys)
    texts = ""
    for n in range(8):
        found = fields_of(logon_bytes(settings, WALL + n * S))
        signed = "\x01".join((found[52], found[34], found[49], found[56]))
        expected = hmac.new(b"c2VjcmV0IGtleQ==", signed.encode(), hashlib.sha256).digest()
        assert base64.urlsafe_b64decode(found[96]) == expected
        assert (found[95], found[554]) == ("44", "API-KEY-1")
        texts += found[96]
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", texts) and re.search("[_-]", texts)


def test_deribit_logon_has_a_fresh_nonce_and_the_hash_over_it(folder):
    keys = 'username = "client-1"\nsecrets = { secret_env = "TEST_SECRET" }'
    settings = settings_of(folder, DERIBIT, keys)
    nonces = set()
    for n in range(3):
        found = fields_of(logon_bytes(settings, WALL + n * S))
        timestamp, _, nonce = found[96].partition(".")
        assert int(timestamp) == (WALL + n * S) // 1_000_000
        assert len(base64.b64decode(nonce, validate=True)) == 32
        expected = hashlib.sha256(found[96].encode() + b"c2VjcmV0IGtleQ==").digest()
        assert base64.b64decode(found[554], validate=True) == expected
        assert found[553] == "client-1"
        nonces.add(nonce)
    assert len(nonces) == 3


def test_signature_in_hex(folder):
    profile = KRAKEN_PRIME.replace("base64url", "hex")
    found = logon(folder, profile, 'secrets = { api_key_env = "TEST_API_KEY", secret_env = "TEST_SECRET" }')
    signed = "\x01".join((found[52], found[34], found[49], found[56]))
    assert found[96] == hmac.new(b"c2VjcmV0IGtleQ==", signed.encode(), hashlib.sha256).hexdigest()


def test_data_field_with_soh_keeps_its_length(folder):
    profile = STATIC + '[logon]\nfields = [{ tag = 96, value = "{SenderCompID}\\u0001é" }]'
    message = logon_bytes(settings_of(folder, profile))
    assert b"\x0195=10\x0196=EXAMPLE\x01\xc3\xa9\x01" in message


def test_no_representation_contains_a_secret(folder):
    pem, _ = new_key()
    write_key(folder, pem)
    body = pem.splitlines()[1]
    shown = repr(settings_of(folder, ED25519, ED25519_KEYS))
    keys = 'password_env = "TEST_PASSWORD"\nsecrets = { secret_env = "TEST_SECRET" }'
    shown += repr(settings_of(folder, COINBASE, keys))
    assert not [secret for secret in (body, "API-KEY-1", "pass-word", "c2VjcmV0") if secret in shown]


def test_text_of_the_venue_is_logged_without_our_secrets(folder):
    keys = 'username = "desk"\npassword_env = "TEST_PASSWORD"'
    recipe = settings_of(folder, STATIC, keys).logon
    assert recipe.redact("wrong password pass-word for desk") == "wrong password *** for desk"
