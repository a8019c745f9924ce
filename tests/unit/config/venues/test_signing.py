"""Keys that sign a Logon: each error names the key's place, and none shows the key."""

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from quotelife.config import Config, ConfigError, check_signing, load
from quotelife.config.venues.signing import make_signer

CONFIG = """
[[venue]]
name = "V"
profile = "profile.toml"
port = 9000
sender_comp_id = "Q"
target_comp_id = "V"
secrets = {{ key_{} = "{}" }}

[[instrument]]
symbol = "AAA"
tick = "0.01"
lot = "1"
venue = "V"

[[client]]
name = "Desk"
sessions = ["DESK"]
"""
PROFILE = """
title = "test"
tried = "nowhere"
[logon]
secrets = ["key"]
fields = [{{ tag = 96, value = "{{signature}}" }}]
[logon.signature]
algorithm = "{}"
over = "{{SendingTime}}"
key = "key"
key_encoding = "{}"
"""


def configured(folder: Path, algorithm: str, encoding: str, secret: str, source: str = "file") -> Config:
    (folder / "profile.toml").write_text(PROFILE.format(algorithm, encoding))
    (folder / "secret").write_text(secret)
    (folder / "secret").chmod(0o600)
    (folder / "quotelife.toml").write_text(CONFIG.format(source, "secret"))
    return load(folder / "quotelife.toml")


def pem_of(key, encryption=None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


ED25519 = Ed25519PrivateKey.generate()
ENCRYPTED = pem_of(ED25519, BestAvailableEncryption(b"secret"))
RSA = pem_of(rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize(
    ("algorithm", "encoding", "secret", "words"),
    [
        ("ed25519", "pem", "hunter2", "not a private key in PEM"),
        (
            "ed25519",
            "pem",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
            "not a private key in PEM",
        ),
        ("ed25519", "pem", ENCRYPTED, "encrypted"),
        ("ed25519", "pem", RSA, "another algorithm"),
        ("ed25519", "hex", "hunter2", "not hex"),
        ("ed25519", "base64", "aHVudGVyMg==", "not 32 bytes"),
        ("hmac-sha256", "base64", "hunter2", "not base64"),
        ("hmac-sha256", "hex", "hunter2", "not hex"),
    ],
)
def test_unusable_key_is_refused_and_not_shown(tmp_path, algorithm, encoding, secret, words):
    config = configured(tmp_path, algorithm, encoding, secret)
    with pytest.raises(ConfigError, match=words) as error:
        check_signing(config)
    assert error.value.key == "venue[0].secrets.key_file"
    assert "\n" not in str(error.value)
    assert not [line for line in secret.splitlines() if line in str(error.value)]


def test_absent_key_names_its_source(tmp_path, monkeypatch):
    config = configured(tmp_path, "hmac-sha256", "text", "x", "env")
    monkeypatch.delenv("secret", raising=False)
    with pytest.raises(ConfigError, match=r"venue\[0\].secrets.key_env = 'secret': no such variable"):
        check_signing(config)
    config = configured(tmp_path, "hmac-sha256", "text", "x")
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(ConfigError, match=r"venue\[0\].secrets.key_file = 'secret': .* accessible to all users"):
        check_signing(config)


def test_secret_with_the_separator_of_fields_is_refused(tmp_path, monkeypatch):
    config = configured(tmp_path, "hmac-sha256", "text", "hunter\x012")
    with pytest.raises(ConfigError, match="SOH") as error:
        check_signing(config)
    assert "hunter" not in str(error.value)
    monkeypatch.setenv("secret", "hunter\x012")
    with pytest.raises(ConfigError, match="SOH"):
        check_signing(configured(tmp_path, "hmac-sha256", "text", "x", "env"))


def test_missing_library_is_one_line_with_the_extra(tmp_path, monkeypatch):
    config = configured(tmp_path, "ed25519", "pem", pem_of(ED25519))
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigError) as error:
        check_signing(config)
    assert error.value.key == "venue[0].profile"
    assert "cryptography" in error.value.allowed and "[signing]" in error.value.allowed
    assert "\n" not in str(error.value)


def test_other_algorithms_need_no_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    config = configured(tmp_path, "hmac-sha256", "hex", "00ff")
    signer = make_signer(config, config.venue[0])
    assert signer is not None and len(signer(b"text")) == 32
