"""Certificates and keys of the configuration."""

import subprocess
import sys

import msgspec
import pytest
import trustme

from quotelife.config import Config, ConfigError, check_tls, server_context, venue_context


@pytest.fixture
def files(tmp_path):
    ca, other = trustme.CA(), trustme.CA()
    own = ca.issue_cert("localhost")
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem.bytes())
    (tmp_path / "own.pem").write_bytes(own.cert_chain_pems[0].bytes())
    (tmp_path / "own.key").write_bytes(own.private_key_pem.bytes())
    (tmp_path / "other.key").write_bytes(other.issue_cert("localhost").private_key_pem.bytes())
    (tmp_path / "junk.pem").write_text("junk")
    (tmp_path / "open.key").write_bytes(own.private_key_pem.bytes())
    for name in ("own.key", "other.key", "junk.pem"):
        (tmp_path / name).chmod(0o600)
    (tmp_path / "open.key").chmod(0o644)
    encrypt = ["openssl", "pkey", "-in", "own.key", "-aes256", "-passout", "pass:x", "-out", "encrypted.key"]
    subprocess.run(encrypt, cwd=tmp_path, check=True)
    return tmp_path


def configured(folder, acceptor=None, venue=None) -> Config:
    raw = {
        "acceptor": {"tls": acceptor} if acceptor is not None else {},
        "venue": [{"name": "V", "port": 1, "sender_comp_id": "A", "target_comp_id": "B"}],
        "instrument": [{"symbol": "AAA", "tick": "1", "lot": "1", "venue": "V"}],
        "client": [{"name": "Desk", "sessions": ["DESK"]}],
    }
    if venue is not None:
        raw["venue"][0]["tls"] = venue
    return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(folder / "q.toml"))


def test_unconfigured_tls_has_no_context(files):
    config = configured(files)
    assert server_context(config) is None and venue_context(config, config.venue[0]) is None


def test_contexts_verify_certificates_and_host_names(files):
    own = {"certificate": "own.pem", "key": "own.key"}
    config = configured(files, own | {"client_ca": "ca.pem"}, own | {"ca": "ca.pem"})
    check_tls(config)
    server, venue = server_context(config), venue_context(config, config.venue[0])
    assert server is not None and venue is not None
    assert (server.verify_mode.name, server.minimum_version.name) == ("CERT_REQUIRED", "TLSv1_2")
    assert (venue.verify_mode.name, venue.check_hostname) == ("CERT_REQUIRED", True)
    assert server_context(configured(files, own)).verify_mode.name == "CERT_NONE", "no client_ca"
    assert server_context(configured(files, own | {"minimum_version": "TLSv1.3"})).minimum_version.name == "TLSv1_3"


@pytest.mark.parametrize(
    ("tls", "key", "words"),
    [
        ({"certificate": "absent.pem"}, "certificate", "absent.pem: No such file or directory; allowed: a PEM file"),
        ({"certificate": "junk.pem"}, "certificate", "allowed: a PEM certificate, and the PEM key that belongs to it"),
        ({"key": "absent.key"}, "key", "absent.key: No such file or directory; allowed: a file that exists"),
        ({"key": "other.key"}, "key", "KEY_VALUES_MISMATCH; allowed: a PEM certificate, and the PEM key that belongs"),
        ({"key": "open.key"}, "key", "(mode 0644); allowed: chmod 600 or 640"),
        ({"key": "encrypted.key"}, "key", "is encrypted; allowed: a key without a password"),
        ({"client_ca": "junk.pem"}, "client_ca", "allowed: a PEM file of certificates"),
        ({"client_ca": "absent.pem"}, "client_ca", "No such file or directory"),
    ],
)
def test_wrong_tls_file_of_the_acceptor_is_named(files, tls, key, words):
    with pytest.raises(ConfigError) as refused:
        check_tls(configured(files, {"certificate": "own.pem", "key": "own.key"} | tls))
    assert refused.value.key == f"acceptor.tls.{key}"
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("tls", "key", "words"),
    [
        ({"certificate": "own.pem"}, "key", "allowed: certificate and key, or neither"),
        ({"key": "own.key"}, "certificate", "allowed: certificate and key, or neither"),
        ({"ca": "junk.pem"}, "ca", "allowed: a PEM file of certificates"),
    ],
)
def test_wrong_tls_file_of_a_venue_is_named(files, tls, key, words):
    with pytest.raises(ConfigError) as refused:
        check_tls(configured(files, venue=tls))
    assert refused.value.key == f"venue[0].tls.{key}" and words in str(refused.value)


def test_tls_process_without_tls_ends_with_exit_code_2(files):
    file = files / "q.toml"
    file.write_text(
        '[[venue]]\nname = "V"\nport = 1\nsender_comp_id = "A"\ntarget_comp_id = "B"\n'
        '[[instrument]]\nsymbol = "A"\ntick = "1"\nlot = "1"\nvenue = "V"\n[[client]]\nname = "C"\nsessions = []\n'
    )
    command = [sys.executable, "-m", "quotelife.acceptor.tls.process", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "acceptor.tls: missing; allowed" in done.stderr
