"""Password hashes with scrypt.

The stored form is a PHC string, `$scrypt$ln=15,r=8,p=1$SALT$HASH`: 2^ln is the cost, salt and hash are base64 without
padding. Verifying a password takes about a tenth of a second of one core and 32 MB, without the interpreter lock.
Source: RFC 7914; the PHC string format.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from typing import NamedTuple

_PHC = re.compile(r"\$scrypt\$ln=(\d\d?),r=(\d\d?),p=(\d)\$([A-Za-z0-9+/]{16,86})\$([A-Za-z0-9+/]{43,86})\Z")
_LN, _R, _P = 15, 8, 1
_MIN_LN, _MAX_LN = 14, 18
_SALT_BYTES, _HASH_BYTES = 16, 32
HASH_ALLOWED = "allowed: the line that quotelife hash-password prints ($scrypt$ln=...)"


class PasswordHashError(ValueError):
    """Not a password hash, or one that is too cheap or too expensive; the text does not contain it."""


class PasswordHash(NamedTuple):
    """A parsed hash."""

    ln: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, password: str) -> bool:
        """Whether this is the hash of `password`; compared in constant time."""
        return hmac.compare_digest(self.digest, _scrypt(password, self.ln, self.r, self.p, self.salt, len(self.digest)))


def hash_password(password: str) -> str:
    """The hash of a password in the stored form, with a random salt."""
    salt = os.urandom(_SALT_BYTES)
    digest = _scrypt(password, _LN, _R, _P, salt, _HASH_BYTES)
    return f"$scrypt$ln={_LN},r={_R},p={_P}${_encode(salt)}${_encode(digest)}"


def parse_hash(text: str) -> PasswordHash:
    """Parse the stored form. PasswordHashError for anything else, and for a cost outside the limits."""
    match = _PHC.match(text.strip())
    if match is None:
        raise PasswordHashError(f"not a password hash; {HASH_ALLOWED}")
    ln, r, p = int(match[1]), int(match[2]), int(match[3])
    if not (_MIN_LN <= ln <= _MAX_LN and 8 <= r <= 16 and 1 <= p <= 4):
        raise PasswordHashError(f"cost out of range; allowed: ln {_MIN_LN} to {_MAX_LN}, r 8 to 16, p 1 to 4")
    try:
        return PasswordHash(ln, r, p, _decode(match[4]), _decode(match[5]))
    except binascii.Error:
        raise PasswordHashError(f"not a password hash; {HASH_ALLOWED}") from None


def _scrypt(password: str, ln: int, r: int, p: int, salt: bytes, length: int) -> bytes:
    n = 1 << ln
    secret = password.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r * p + (1 << 20), dklen=length)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
