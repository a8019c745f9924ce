"""What a session is made of."""

from dataclasses import dataclass

from quotelife.fix.dictionary import DataDictionary
from quotelife.fix.encode import Identity
from quotelife.fix.logon_recipe import NO_CREDENTIALS, LogonRecipe

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Of an initiator."""

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


@dataclass(frozen=True, slots=True)
class AcceptorSettings:
    """Of an acceptor's session. The dictionary of its header and session messages is that of the version's transport;
    up to FIX.4.4 both are one."""

    identity: Identity
    dictionary: DataDictionary
    application_dictionary: DataDictionary
    appl_ver_id: str | None = None  # DefaultApplVerID, of FIXT.1.1
    logon_timeout_ns: int = 10 * _NS
    logout_timeout_ns: int = 2 * _NS
    max_queued: int = 4_096  # messages that wait for those before them; later ones are asked for again
