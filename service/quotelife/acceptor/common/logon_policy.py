"""Who may log on: decided from a Logon and where it comes from, before the engine knows of it. Sans I/O.

examine   addresses, CompIDs, version, certificate, and whether somebody guesses      -> Terms, or Refused
verify    user name and password, which takes a tenth of a second if there is one     -> bool
note      what came of it, so that guessing ends
"""

import hmac
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from quotelife.config import Config, password_hash
from quotelife.config.addresses import Addresses
from quotelife.config.passwords import PasswordHash
from quotelife.fix.logon import Logon
from quotelife.fix.versions import VERSIONS
from quotelife.runtime.clock import NS_PER_S

GUESSES = 5  # refused passwords of one address for one session
GUESSES_NS = 60 * NS_PER_S  # within this time: then it is not listened to until the first of them is older
_GUESSERS = 10_000  # remembered at a time


class Refused(NamedTuple):
    """Why not: `reason` is the metric's label, `said` goes to the log. The peer is told neither."""

    reason: str
    said: str


@dataclass(frozen=True, slots=True, repr=False)
class Terms:
    """What a session asks of whoever logs on as it."""

    session: str
    begin_string: str
    addresses: Addresses
    certificate: str | None
    username: str | None
    password: PasswordHash | None


class Admission:
    """ConfigError for a password's hash that cannot be had."""

    def __init__(self, config: Config) -> None:
        self._sender = config.acceptor.sender_comp_id
        self._addresses = Addresses(config.acceptor.allowed_addresses)
        self._terms: dict[str, Terms] = {}
        for client in config.client:
            for session in client.sessions:
                logon = client.logon.get(session)
                self._terms[session] = Terms(
                    session,
                    VERSIONS[client.version(session)].begin_string,
                    Addresses(client.allowed_addresses),
                    logon.certificate if logon is not None else None,
                    logon.username if logon is not None else None,
                    password_hash(config, session),
                )
        self._guesses: dict[tuple[str, str], deque[int]] = {}

    def lets_connect(self, address: str) -> bool:
        """Whether anybody may connect from there."""
        return address in self._addresses

    def examine(self, logon: Logon, address: str, certificate: tuple[str, ...], now_ns: int) -> Terms | Refused:
        """All that can be said without the password. `certificate` are the names in the client's certificate."""
        name = logon.sender_comp_id
        terms = self._terms.get(name)
        if terms is None or logon.target_comp_id != self._sender:
            return Refused("unknown_session", f"{logon!r} is not configured")
        if logon.begin_string != terms.begin_string:
            return Refused("unknown_session", f"{name} speaks {terms.begin_string}, not {logon.begin_string}")
        if address not in terms.addresses:
            return Refused("address", f"{name} may not connect from {address}")
        if terms.certificate is not None and terms.certificate not in certificate:
            return Refused("certificate", f"{name} needs a certificate for {terms.certificate}")
        if self._guessing(address, name, now_ns):
            return Refused("guessing", f"{address} has guessed too often at the password of {name}")
        return terms

    def note(self, session: str, address: str, right: bool, now_ns: int) -> None:
        """Remember a password's outcome."""
        key = address, session
        if right:
            self._guesses.pop(key, None)
            return
        if len(self._guesses) >= _GUESSERS:
            self._guesses.pop(next(iter(self._guesses)))
        self._guesses.setdefault(key, deque(maxlen=GUESSES)).append(now_ns)

    def _guessing(self, address: str, session: str, now_ns: int) -> bool:
        guesses = self._guesses.get((address, session))
        return guesses is not None and len(guesses) == GUESSES and now_ns - guesses[0] < GUESSES_NS


def verify(terms: Terms, logon: Logon) -> bool:
    """Whether user name and password are right; the time it takes does not depend on which is not."""
    if terms.password is None:
        return True
    known = terms.username is None or hmac.compare_digest(_bytes(terms.username), _bytes(logon.username or ""))
    return terms.password.matches(logon.password or "") and known


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
