"""What signs the Logon of a venue: HMAC-SHA256, Ed25519, or SHA-256 over a text that contains the secret."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from quotelife.config.extras import install
from quotelife.config.secrets import in_pem, venue_secret
from quotelife.config.sections import Config, Venue
from quotelife.config.toml_file import ABSENT, ConfigError
from quotelife.config.venues.profiles import load_profile
from quotelife.config.venues.venue_profile import Signature

Signer = Callable[[bytes], bytes]  # from a text to its signature


def make_signer(config: Config, venue: Venue) -> Signer | None:
    """The signer of the venue's Logon; None if its profile has no signature. ConfigError for a key that cannot be read
    or is not of its kind, and for a missing library. No error contains the key."""
    logon = load_profile(config, venue).logon
    signature = logon.signature
    if signature is None:
        return None
    if signature.algorithm == "sha256" or signature.key is None:
        return lambda text: hashlib.sha256(text).digest()
    text = venue_secret(config, venue, signature.key, in_pem(logon, signature.key))
    try:
        if signature.algorithm == "hmac-sha256":
            key = _key_bytes(text, signature)
            return lambda text: hmac.digest(key, text, hashlib.sha256)
        return _ed25519(text, signature)
    except KeyProblem as problem:
        at = f"venue[{config.venue.index(venue)}].secrets.{signature.key}"
        key_name = next((f"{at}{end}" for end in ("_env", "_file") if f"{signature.key}{end}" in venue.secrets), at)
        raise ConfigError(Path(config.file), key_name, ABSENT, str(problem)) from None
    except ModuleNotFoundError:
        allowed = f"needs cryptography for {signature.algorithm}: {install('signing')}"
        key_name = f"venue[{config.venue.index(venue)}].profile"
        raise ConfigError(Path(config.file), key_name, venue.profile, allowed) from None


def check_signing(config: Config) -> None:
    """ConfigError for the first secret of a venue that cannot be read, and for the first that cannot sign."""
    for venue in config.venue:
        logon = load_profile(config, venue).logon
        for name in logon.secrets:
            venue_secret(config, venue, name, in_pem(logon, name))
        make_signer(config, venue)


class KeyProblem(ValueError):
    """A key that cannot be used; the text says what is allowed and does not contain the key."""


def _key_bytes(text: str, signature: Signature) -> bytes:
    allowed = f"allowed: the key in {signature.key_encoding}"
    try:
        if signature.key_encoding == "base64":
            return base64.b64decode(text.strip(), validate=True)
        if signature.key_encoding == "hex":
            return bytes.fromhex(text)
    except (binascii.Error, ValueError):
        raise KeyProblem(f"not {signature.key_encoding}; {allowed}") from None
    return text.encode()


def _ed25519(text: str, signature: Signature) -> Signer:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    allowed = "allowed: an Ed25519 private key in PEM (PKCS 8), without a password"
    if signature.key_encoding != "pem":
        try:
            return Ed25519PrivateKey.from_private_bytes(_key_bytes(text, signature)).sign
        except ValueError as error:
            if isinstance(error, KeyProblem):
                raise
            raise KeyProblem(f"not 32 bytes; allowed: an Ed25519 private key in {signature.key_encoding}") from None
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise KeyProblem(f"the key is encrypted; {allowed}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyProblem(f"not a private key in PEM; {allowed}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem(f"a key of another algorithm; {allowed}")
    return key.sign
