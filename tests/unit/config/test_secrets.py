"""Secrets from the environment or private files; errors do not show them."""

from pathlib import Path

import msgspec
import pytest

from quotelife.config import Config, ConfigError, check_credentials, load, password, password_hash, secrets, token
from quotelife.config.password_hash import parse_hash
from quotelife.config.secrets import SecretError, from_file
from quotelife.config.sections import Admin

TOKEN = "0123456789abcdef"
HASH = "$scrypt$ln=14,r=8,p=1$" + "c2FsdHNhbHRzYWx0c2E" + "$" + "A" * 43  # of no password


def configuration(folder: Path, logon=None, admin=None, **venue) -> Config:
    raw = {
        "venue": [{"name": "V", "port": 1, "sender_comp_id": "A", "target_comp_id": "B", **venue}],
        "instrument": [{"symbol": "AAA", "tick": "1", "lot": "1", "venue": "V"}],
        "client": [{"name": "Desk", "sessions": ["DESK"], "logon": {"DESK": logon} if logon is not None else {}}],
    }
    parsed = msgspec.convert(raw, Config)
    return msgspec.structs.replace(parsed, admin=Admin(**(admin or {})), file=str(folder / "q.toml"))


def private(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def test_file_that_other_users_can_access_is_refused(tmp_path):
    file = private(tmp_path, "secret", "s3cret\nand more\n")
    file.chmod(0o604)
    with pytest.raises(SecretError, match=r"mode 0604\); allowed: chmod 600 or 640"):
        from_file(file)
    file.chmod(0o640)
    assert from_file(file) == "s3cret"


def test_mode_of_a_file_mounted_into_a_container_is_not_checked(tmp_path, monkeypatch):
    file = private(tmp_path, "secret", "s3cret")
    file.chmod(0o444)
    monkeypatch.setattr(secrets, "_CONTAINER_SECRETS", tmp_path)
    assert from_file(file) == "s3cret"


@pytest.mark.parametrize(
    ("raw", "words"), [(b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8"), (b"x" * 5000, "has 5000 bytes")]
)
def test_file_without_a_secret_is_refused(tmp_path, raw, words):
    with pytest.raises(SecretError, match=words):
        from_file(private(tmp_path, "secret", raw))


def test_folder_and_absent_file_are_refused(tmp_path):
    with pytest.raises(SecretError, match="not a regular file"):
        from_file(tmp_path)
    with pytest.raises(SecretError, match="No such file"):
        from_file(tmp_path / "absent")


def test_venue_password_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    private(tmp_path, "p", "from a file")
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


def test_client_hash_comes_from_the_configuration_a_file_or_the_environment(tmp_path, monkeypatch):
    private(tmp_path, "h", HASH)
    monkeypatch.setenv("H", HASH)
    for logon in ({"password_hash": HASH}, {"password_hash_env": "H"}, {"password_hash_file": "h"}):
        config = configuration(tmp_path, logon)
        check_credentials(config)
        assert password_hash(config, "DESK") == parse_hash(HASH)
    assert password_hash(configuration(tmp_path), "DESK") is None


@pytest.mark.parametrize(
    ("logon", "words"),
    [
        ({"username": "x"}, r"client\[0\]\.logon\.DESK\.password_hash: missing; allowed: the line that quotelife hash"),
        ({"password_hash": "hunter2"}, r"client\[0\]\.logon\.DESK\.password_hash: not a password hash; allowed:"),
        ({"password_hash_env": "NO_SUCH"}, r"password_hash_env = 'NO_SUCH': no such variable; allowed"),
        ({"password_hash_file": "absent"}, r"password_hash_file = 'absent': .*No such file"),
        ({"certificate": "desk"}, r"certificate = 'desk': allowed: only with acceptor\.tls\.client_ca"),
    ],
)
def test_wrong_credentials_are_refused_and_not_shown(tmp_path, logon, words):
    with pytest.raises(ConfigError, match=words) as refused:
        check_credentials(configuration(tmp_path, logon))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("key", ["password", "password_hash"])
def test_error_does_not_show_a_secret(tmp_path, key):
    file = tmp_path / "q.toml"
    file.write_text(f'[[client]]\nname = "x"\nsessions = ["D"]\nlogon = {{ D = {{ {key} = ["hunter2"] }} }}\n')
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert key in str(refused.value) and "hunter2" not in str(refused.value)


def test_without_a_source_there_is_no_token(tmp_path):
    assert token(configuration(tmp_path), "admin") is None


def test_token_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DESK_TOKEN", TOKEN)
    assert token(configuration(tmp_path, admin={"token_env": "DESK_TOKEN"}), "admin") == TOKEN


def test_token_comes_from_a_file_beside_the_configuration(tmp_path):
    private(tmp_path, "token", TOKEN + "\n")
    assert token(configuration(tmp_path, admin={"token_file": "token"}), "admin") == TOKEN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("short", "at least 16 printable"),
        ("with a blank inside it", "at least 16 printable"),
        ("nicht-ascii-zeichen-ä", "at least 16 printable"),
        ("", "is empty"),
    ],
)
def test_unusable_token_is_refused_and_not_shown(tmp_path, text, words):
    private(tmp_path, "token", text)
    with pytest.raises(ConfigError, match=words) as refused:
        token(configuration(tmp_path, admin={"token_file": "token"}), "admin")
    assert refused.value.key == "admin.token_file"
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("admin", "key", "words"),
    [
        ({"token_env": "NO_SUCH_TOKEN"}, "admin.token_env", "no such variable"),
        ({"token_file": "missing"}, "admin.token_file", "No such file"),
        ({"token_env": "A", "token_file": "b"}, "admin.token_file", "beside token_env"),
    ],
)
def test_unreadable_token_is_refused(tmp_path, admin, key, words):
    with pytest.raises(ConfigError, match=words) as refused:
        token(configuration(tmp_path, admin=admin), "admin")
    assert refused.value.key == key


def test_token_file_that_other_users_can_access_is_refused(tmp_path):
    private(tmp_path, "token", TOKEN).chmod(0o644)
    with pytest.raises(ConfigError, match="mode 0644") as refused:
        token(configuration(tmp_path, admin={"token_file": "token"}), "admin")
    assert refused.value.key == "admin.token_file"
