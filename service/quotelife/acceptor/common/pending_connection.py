"""A connection that the engine does not have yet, and what it is told if it never will."""

import socket
from dataclasses import dataclass
from enum import Enum

from quotelife.acceptor.common.logon_policy import Terms
from quotelife.fix import tags
from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.fix.logon import MAX_LOGON_BYTES, Logon
from quotelife.runtime.clock import wall_ns


class State(Enum):
    READING = 1
    VERIFYING = 2
    WAITING = 3  # for the session's old connection to end
    REFUSED = 4


@dataclass(slots=True, eq=False)
class Arrival:
    """A connection that the engine does not have yet."""

    sock: socket.socket
    address: str
    state: State
    until_ns: int  # when the state ends
    announced: bool  # False while the TLS process's line is to be read
    names: tuple[str, ...] = ()
    logon: Logon | None = None
    terms: Terms | None = None


def say_refused(arrival: Arrival) -> None:
    """A Logout that tells nothing. Only to who starts anew at 1: others would count it, while our numbers stay."""
    logon = arrival.logon
    if logon is None or not logon.reset:
        return
    identity = Identity(logon.target_comp_id, logon.sender_comp_id, logon.begin_string)
    try:
        message = encode(identity, tags.LOGOUT, 1, sending_time(wall_ns()), ((tags.Text, "logon refused"),))
        arrival.sock.recv(MAX_LOGON_BYTES)  # what is not read makes the kernel throw away what is sent
        arrival.sock.send(message)
    except (OSError, ValueError):
        return  # gone, or not to be answered
