"""Who may log on, decided from the Logon and its origin before the engine sees it. Sans I/O.

check             fields, CompIDs, version, addresses, certificate, guessing            -> LogonTerms or LogonRefusal
verify_password   user name and password; hashing takes a tenth of a second     -> bool
record_password   the outcome of the verification, which limits guessing
"""

import hmac
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from quotelife.config import Config, password_hash
from quotelife.config.addresses import Addresses
from quotelife.config.password_hash import PasswordHash
from quotelife.fix.logon import Logon
from quotelife.fix.versions import VERSIONS
from quotelife.rfq.field_policies.lookup import missing_text, refusal_text
from quotelife.rfq.field_policies.policy import LOGON
from quotelife.runtime.clock import NS_PER_S

MAX_WRONG_PASSWORDS = 5  # of one address for one session
GUESSING_WINDOW_NS = 60 * NS_PER_S  # so many within this time: refused until the first of them is older
HEARTBEATS_S = range(1, 3_601)  # HeartBtInt (108); without heartbeats a lost connection is not noticed
UNSUPPORTED_FIELD = "unsupported_field"
_MAX_TRACKED = 10_000  # pairs of address and session


class LogonRefusal(NamedTuple):
    """`reason` is the metric's label, `detail` goes to the log. The peer is told the detail of an UNSUPPORTED_FIELD,
    nothing else."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True, repr=False)
class LogonTerms:
    """What a Logon must satisfy to log on as this session."""

    session: str
    begin_string: str
    addresses: Addresses
    certificate: str | None
    username: str | None
    password: PasswordHash | None


class LogonPolicy:
    """ConfigError if a password hash cannot be read."""

    def __init__(self, config: Config) -> None:
        self._sender = config.acceptor.sender_comp_id
        self._addresses = Addresses(config.acceptor.allowed_addresses)
        self._terms: dict[str, LogonTerms] = {}
        for client in config.client:
            for session in client.sessions:
                logon = client.logon.get(session)
                self._terms[session] = LogonTerms(
                    session,
                    VERSIONS[client.version(session)].begin_string,
                    Addresses(client.allowed_addresses),
                    logon.certificate if logon is not None else None,
                    logon.username if logon is not None else None,
                    password_hash(config, session),
                )
        self._wrong_passwords_ns: dict[tuple[str, str], deque[int]] = {}  # by address and session

    def continue_from(self, earlier: "LogonPolicy") -> None:
        """Remember the wrong passwords that the policy before has seen."""
        self._wrong_passwords_ns = earlier._wrong_passwords_ns

    def allows_address(self, address: str) -> bool:
        """Whether connections from this address are allowed at all."""
        return address in self._addresses

    def check(self, logon: Logon, address: str, certificate: tuple[str, ...], now_ns: int) -> LogonTerms | LogonRefusal:
        """Every check but the password. `certificate` holds the names in the client's certificate."""
        name = logon.sender_comp_id
        wrong = _wrong_field(logon)  # first, so that its Text tells nothing about sessions
        if wrong:
            return LogonRefusal(UNSUPPORTED_FIELD, wrong)
        terms = self._terms.get(name)
        if terms is None or logon.target_comp_id != self._sender:
            return LogonRefusal("unknown_session", f"{logon!r}: session not configured")
        if logon.begin_string != terms.begin_string:
            return LogonRefusal(
                "unknown_session", f"{name}: BeginString {logon.begin_string}, configured: {terms.begin_string}"
            )
        if address not in terms.addresses:
            return LogonRefusal("address", f"{name}: address {address} not allowed")
        if terms.certificate is not None and terms.certificate not in certificate:
            return LogonRefusal("certificate", f"{name}: certificate does not name {terms.certificate}")
        if self._is_guessing(address, name, now_ns):
            return LogonRefusal("guessing", f"{name}: too many wrong passwords from {address}")
        return terms

    def record_password(self, session: str, address: str, correct: bool, now_ns: int) -> None:
        """Record the outcome of a password's verification."""
        key = address, session
        wrong = self._wrong_passwords_ns
        if correct:
            wrong.pop(key, None)
            return
        if len(wrong) >= _MAX_TRACKED:
            wrong.pop(next(iter(wrong)))
        wrong.setdefault(key, deque(maxlen=MAX_WRONG_PASSWORDS)).append(now_ns)

    def _is_guessing(self, address: str, session: str, now_ns: int) -> bool:
        wrong = self._wrong_passwords_ns.get((address, session))
        return wrong is not None and len(wrong) == MAX_WRONG_PASSWORDS and now_ns - wrong[0] < GUESSING_WINDOW_NS


def _wrong_field(logon: Logon) -> str:
    """The Text (58) for a field that the service does not support, empty if there is none."""
    by_tag = dict(logon.fields)
    wrong = missing_text(LOGON, by_tag) or refusal_text(LOGON, by_tag, logon.fields)
    if wrong:
        return wrong
    text = by_tag["108"]
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) in HEARTBEATS_S):
        return f"HeartBtInt (108) is '{text}'; allowed: {HEARTBEATS_S[0]} to {HEARTBEATS_S[-1]} seconds"
    return ""


def verify_password(terms: LogonTerms, logon: Logon) -> bool:
    """Whether user name and password are correct; the time taken does not disclose which of them is wrong."""
    if terms.password is None:
        return True
    user_matches = terms.username is None or hmac.compare_digest(_bytes(terms.username), _bytes(logon.username or ""))
    return terms.password.matches(logon.password or "") and user_matches


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
