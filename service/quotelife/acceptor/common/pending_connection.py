"""A connection that has not been handed to the engine, and the Logout that a refused one gets."""

import socket
from dataclasses import dataclass
from enum import Enum

from quotelife.acceptor.common.logon_policy import LogonTerms
from quotelife.fix import tags
from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.fix.logon import MAX_LOGON_BYTES, Logon
from quotelife.runtime.clock import wall_ns


class PendingState(Enum):
    READING = 1
    VERIFYING = 2
    WAITING = 3  # for the session's previous connection to end
    REFUSED = 4


@dataclass(slots=True, eq=False)
class PendingConnection:
    """A connection between accept and the engine."""

    sock: socket.socket
    address: str
    state: PendingState
    deadline_ns: int  # when the state ends
    address_known: bool  # False until the TLS process's line has been read
    certificate_names: tuple[str, ...] = ()
    logon: Logon | None = None
    terms: LogonTerms | None = None
    text: str = "logon refused"  # of the Logout that a refused connection gets


def send_refusal(connection: PendingConnection) -> None:
    """Send a Logout, if the Logon had ResetSeqNumFlag=Y.

    Without the flag the client would count the Logout, while the service's sequence numbers stay where they are."""
    logon = connection.logon
    if logon is None or not logon.reset:
        return
    identity = Identity(logon.target_comp_id, logon.sender_comp_id, logon.begin_string)
    try:
        message = encode(identity, tags.LOGOUT, 1, sending_time(wall_ns()), ((tags.Text, connection.text),))
        connection.sock.recv(MAX_LOGON_BYTES)  # closing with unread bytes makes the kernel discard what was sent
        connection.sock.send(message)
    except (OSError, ValueError):
        return  # already closed, or its CompIDs cannot be echoed
