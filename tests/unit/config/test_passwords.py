"""Passwords' hashes, secrets from files and the environment, and that no error holds one."""

import subprocess
import sys

import msgspec
import pytest

from quotelife.config import Config, ConfigError, check_credentials, load, password, password_hash
from quotelife.config.passwords import SecretError, from_file, hash_password, parse_hash

CHEAP = "$scrypt$ln=14,r=8,p=1$" + "c2FsdHNhbHRzYWx0c2E" + "$" + "A" * 43  # of no password


def configuration(tmp_path, logon=None, **venue) -> Config:
    raw = {
        "venue": [{"name": "V", "port": 1, "sender_comp_id": "A", "target_comp_id": "B", **venue}],
        "instrument": [{"symbol": "AAA", "tick": "1", "lot": "1", "venue": "V"}],
        "client": [{"name": "Desk", "sessions": ["DESK"], "logon": {"DESK": logon} if logon is not None else {}}],
    }
    return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))


def test_a_hash_is_of_its_password_alone_and_never_the_same_twice():
    text = hash_password("naïve ☃")
    assert parse_hash(text).matches("naïve ☃")
    assert not parse_hash(text).matches("naive ☃") and not parse_hash(text).matches("")
    assert hash_password("naïve ☃") != text
    assert "naïve" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hunter2", "not a hash"),
        ("$scrypt$ln=15,r=8,p=1$short$short", "not a hash"),
        (CHEAP.replace("ln=14", "ln=4"), "its cost is not allowed; allowed: ln 14 to 18"),
        (CHEAP.replace("ln=14", "ln=30"), "its cost is not allowed"),
        (CHEAP.replace("p=1", "p=9"), "its cost is not allowed"),
    ],
)
def test_what_is_no_hash(text, words):
    with pytest.raises(SecretError, match=words) as refused:
        parse_hash(text)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_others_read_is_refused(tmp_path):
    file = tmp_path / "secret"
    file.write_text("s3cret\nand more\n")
    file.chmod(0o604)
    with pytest.raises(SecretError, match=r"mode 0604\); allowed: chmod 600 or 640"):
        from_file(file)
    file.chmod(0o640)
    assert from_file(file) == "s3cret"
    file.write_text("\n")
    with pytest.raises(SecretError, match="is empty"):
        from_file(file)
    with pytest.raises(SecretError, match="No such file"):
        from_file(tmp_path / "absent")


def test_where_a_venues_password_comes_from(tmp_path, monkeypatch):
    (tmp_path / "p").write_text("from a file")
    (tmp_path / "p").chmod(0o600)
    config = configuration(tmp_path, password_file="p")
    assert password(config, config.venue[0]) == "from a file"
    config = configuration(tmp_path, password_file="p", password_env="P")
    with pytest.raises(ConfigError, match=r"venue\[0\]\.password_file: beside password_env; allowed: one of"):
        password(config, config.venue[0])
    monkeypatch.setenv("P", "from the environment")
    config = configuration(tmp_path, password_env="P")
    assert password(config, config.venue[0]) == "from the environment"
    config = configuration(tmp_path)
    assert password(config, config.venue[0]) is None


def test_where_a_clients_hash_comes_from(tmp_path, monkeypatch):
    (tmp_path / "h").write_text(CHEAP)
    (tmp_path / "h").chmod(0o600)
    monkeypatch.setenv("H", CHEAP)
    for logon in ({"password_hash": CHEAP}, {"password_hash_env": "H"}, {"password_hash_file": "h"}):
        config = configuration(tmp_path, logon)
        check_credentials(config)
        assert password_hash(config, "DESK") == parse_hash(CHEAP)
    assert password_hash(configuration(tmp_path), "DESK") is None


@pytest.mark.parametrize(
    ("logon", "words"),
    [
        ({"username": "x"}, r"client\[0\]\.logon\.DESK\.password_hash: missing; allowed: the line that quotelife hash"),
        ({"password_hash": "hunter2"}, r"client\[0\]\.logon\.DESK\.password_hash: not a hash of a password; allowed:"),
        ({"password_hash_env": "NO_SUCH"}, r"password_hash_env = 'NO_SUCH': no such variable; allowed"),
        ({"password_hash_file": "absent"}, r"password_hash_file = 'absent': .*No such file"),
        ({"certificate": "desk"}, r"certificate = 'desk': allowed: only with acceptor\.tls\.client_ca"),
    ],
)
def test_wrong_credentials(tmp_path, logon, words):
    with pytest.raises(ConfigError, match=words) as refused:
        check_credentials(configuration(tmp_path, logon))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("key", ["password", "password_hash"])
def test_an_error_does_not_show_a_secret(tmp_path, key):
    file = tmp_path / "q.toml"
    file.write_text(f'[[client]]\nname = "x"\nsessions = ["D"]\nlogon = {{ D = {{ {key} = ["hunter2"] }} }}\n')
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert key in str(refused.value) and "hunter2" not in str(refused.value)


def test_the_command_prints_a_hash_and_nothing_else():
    command = [sys.executable, "-m", "quotelife.cli", "hash-password"]
    done = subprocess.run(command, input="hunter2\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
    assert parse_hash(done.stdout).matches("hunter2")
    empty = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=60)
    assert empty.returncode == 1 and "allowed: a password" in empty.stderr
