"""Password hashes: verification, and refusal of invalid hashes without showing them."""

import subprocess
import sys

import pytest

from quotelife.config.password_hash import PasswordHashError, hash_password, parse_hash

CHEAP = "$scrypt$ln=14,r=8,p=1$" + "c2FsdHNhbHRzYWx0c2E" + "$" + "A" * 43  # of no password


def test_hash_matches_only_its_password_and_differs_each_time():
    text = hash_password("naïve ☃")
    assert parse_hash(text).matches("naïve ☃")
    assert not parse_hash(text).matches("naive ☃") and not parse_hash(text).matches("")
    assert hash_password("naïve ☃") != text
    assert "naïve" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hunter2", "not a password hash"),
        ("$scrypt$ln=15,r=8,p=1$short$short", "not a password hash"),
        (CHEAP.replace("ln=14", "ln=4"), "cost out of range; allowed: ln 14 to 18"),
        (CHEAP.replace("ln=14", "ln=30"), "cost out of range"),
        (CHEAP.replace("p=1", "p=9"), "cost out of range"),
    ],
)
def test_invalid_hash_is_refused_and_not_shown(text, words):
    with pytest.raises(PasswordHashError, match=words) as refused:
        parse_hash(text)
    assert "hunter2" not in str(refused.value)


def test_command_prints_only_the_hash():
    command = [sys.executable, "-m", "quotelife.cli", "hash-password"]
    done = subprocess.run(command, input="hunter2\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
    assert parse_hash(done.stdout).matches("hunter2")
    empty = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=60)
    assert empty.returncode == 1 and "allowed: a password" in empty.stderr
