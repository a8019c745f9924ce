"""Tokens come from the environment or a file; what is wrong with one is said without showing it."""

from pathlib import Path

import msgspec
import pytest

from quotelife.config import Config, ConfigError, token
from quotelife.config.sections import Admin

TOKEN = "0123456789abcdef"


def config(folder: Path, **admin: str) -> Config:
    raw = {
        "venue": [{"name": "V", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
        "instrument": [{"symbol": "A", "tick": "1", "lot": "1", "venue": "V"}],
        "client": [{"name": "Desk", "sessions": ["DESK"]}],
    }
    return msgspec.structs.replace(msgspec.convert(raw, Config), admin=Admin(**admin), file=str(folder / "q.toml"))


def test_without_either_there_is_none(tmp_path):
    assert token(config(tmp_path), "admin") is None


def test_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DESK_TOKEN", TOKEN)
    assert token(config(tmp_path, token_env="DESK_TOKEN"), "admin") == TOKEN


def test_from_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    assert token(config(tmp_path, token_file="token"), "admin") == TOKEN


@pytest.mark.parametrize("text", ["short", "with a blank inside it", "nicht-ascii-zeichen-ä", ""])
def test_an_unusable_one_is_refused_and_not_shown(tmp_path, text):
    (tmp_path / "token").write_text(text)
    with pytest.raises(ConfigError, match="at least 16 printable") as refused:
        token(config(tmp_path, token_file="token"), "admin")
    assert refused.value.key == "admin.token_file"
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    ("admin", "key", "says"),
    [
        ({"token_env": "NO_SUCH_TOKEN"}, "admin.token_env", "no such variable"),
        ({"token_file": "missing"}, "admin.token_file", "No such file"),
        ({"token_env": "A", "token_file": "b"}, "admin.token_file", "not both"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path, admin, key, says):
    with pytest.raises(ConfigError, match=says) as refused:
        token(config(tmp_path, **admin), "admin")
    assert refused.value.key == key
