"""Passwords: stored as a scrypt hash, read from the environment or from a file that only its owner can read.

The stored form is a PHC string, `$scrypt$ln=15,r=8,p=1$SALT$HASH`: 2^ln is the cost, salt and hash are base64 without
padding. Verifying one takes about a tenth of a second of one core and 32 MB, without the interpreter lock.
Source: RFC 7914; the PHC string format.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

_PHC = re.compile(r"\$scrypt\$ln=(\d\d?),r=(\d\d?),p=(\d)\$([A-Za-z0-9+/]{16,86})\$([A-Za-z0-9+/]{43,86})\Z")
_LN, _R, _P = 15, 8, 1
_LEAST_LN, _MOST_LN = 14, 18
_SALT_BYTES, _HASH_BYTES = 16, 32
HASH_ALLOWED = "allowed: the line that quotelife hash-password prints ($scrypt$ln=...)"


class SecretError(ValueError):
    """A secret that cannot be had, or is none; the text says what is allowed and never holds the secret."""


class PasswordHash(NamedTuple):
    """A parsed hash."""

    ln: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, password: str) -> bool:
        """Whether it is of this password; compared in constant time."""
        return hmac.compare_digest(self.digest, _scrypt(password, self.ln, self.r, self.p, self.salt, len(self.digest)))


def hash_password(password: str) -> str:
    """The line to store for a password."""
    salt = os.urandom(_SALT_BYTES)
    digest = _scrypt(password, _LN, _R, _P, salt, _HASH_BYTES)
    return f"$scrypt$ln={_LN},r={_R},p={_P}${_encode(salt)}${_encode(digest)}"


def parse_hash(text: str) -> PasswordHash:
    """SecretError if it is no hash, or one that costs too little or too much."""
    match = _PHC.match(text.strip())
    if match is None:
        raise SecretError(f"not a hash of a password; {HASH_ALLOWED}")
    ln, r, p = int(match[1]), int(match[2]), int(match[3])
    if not (_LEAST_LN <= ln <= _MOST_LN and 8 <= r <= 16 and 1 <= p <= 4):
        raise SecretError(f"its cost is not allowed; allowed: ln {_LEAST_LN} to {_MOST_LN}, r 8 to 16, p 1 to 4")
    try:
        return PasswordHash(ln, r, p, _decode(match[4]), _decode(match[5]))
    except binascii.Error:
        raise SecretError(f"not a hash of a password; {HASH_ALLOWED}") from None


def from_environment(name: str) -> str:
    """SecretError if there is no such variable, or it is empty."""
    value = os.environ.get(name, "")
    if not value:
        raise SecretError("no such variable; allowed: one that is set")
    return value


def from_file(path: Path) -> str:
    """The first line of a file; SecretError if others can read it."""
    check_private(path)
    try:
        line = path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{path} cannot be read; allowed: a text file") from error
    if not line:
        raise SecretError(f"{path} is empty; allowed: a file with the secret in its first line")
    return line


def check_private(path: Path) -> None:
    """SecretError if the file is not there, or if everybody on this machine can read or change it."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SecretError(f"{path}: {error.strerror}; allowed: a file that exists") from None
    if not stat.S_ISREG(mode):
        raise SecretError(f"{path} is no file; allowed: a file")
    if mode & stat.S_IRWXO:
        raise SecretError(f"{path} can be read by everybody (mode {mode & 0o777:04o}); allowed: chmod 600 or 640")


def read_by_group(path: Path) -> bool:
    """Whether more than its owner may read the file."""
    return bool(path.stat().st_mode & stat.S_IRWXG)


def _scrypt(password: str, ln: int, r: int, p: int, salt: bytes, length: int) -> bytes:
    n = 1 << ln
    secret = password.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r * p + (1 << 20), dklen=length)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
