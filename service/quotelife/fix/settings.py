"""What a session is made of."""

from dataclasses import dataclass

from quotelife.fix.encode import Identity
from quotelife.fix.logon_recipe import NO_CREDENTIALS, LogonRecipe

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SessionSettings:
    identity: Identity
    heartbeat_s: int = 30
    logon: LogonRecipe = NO_CREDENTIALS
    appl_ver_id: str | None = None  # DefaultApplVerID, of FIXT.1.1
    reset_seq_num: bool = True
    test_request: bool = True  # false for a peer that does not answer TestRequest
    resends: bool = True  # false for a peer that does not answer ResendRequest: a gap ends the session
    logon_timeout_ns: int = 10 * _NS
    logout_timeout_ns: int = 2 * _NS
    resend_timeout_ns: int = 5 * _NS
    resend_attempts: int = 3
    resend_capacity: int = 65_536
