"""One kernel call from the bytes of a client's socket to those of the Quote in it: receives, answers, sends.

What is not a plain request stays in the buffer, for the session and the handler; so does everything that comes with it.
The interpreter's lock is held throughout, and by the caller the session's lock and the handler's: nobody else sends.
"""

import numpy as np
from numba import njit, types

from quotelife.rfq.plain import layout as P
from quotelife.rfq.plain.kernel import answer_wire
from quotelife.shm.arrays import word_array
from quotelife.shm.clocks import MONOTONIC, REALTIME, clock_ns

# Words of a connection.
(
    FD,
    BUFFER,  # address of the received bytes
    CAPACITY,
    START,  # from here to END they are not processed
    END,
    WALL_NS,  # when the last message was received
    MONO_NS,
    SENT,  # bytes of the last Quote that the socket has taken
    SENT_NS,  # monotonic time behind the send
    TIMESPEC,
) = range(10)
CONNECTION_WORDS = TIMESPEC + 2

# Nothing, or the connection is closed, or there is no room: `ReceiveBuffer.receive` finds out which.
NOT_RECEIVED = -100
_LEAST_ROOM = 4_096
_DONT_WAIT, _NO_SIGNAL = 0x40, 0x4000
# The second argument of each is an address.
_recv = types.ExternalFunction("recv", types.int64(types.int32, types.int64, types.uint64, types.int32))
_send = types.ExternalFunction("send", types.int64(types.int32, types.int64, types.uint64, types.int32))
_BYTES_OF_WORD = 8


@njit("int64(int64, int64, int64, boolean)", cache=True, _nrt=False)
def take_turn(inputs, session, connection, receives):
    """Receive what there is, if `receives`, and answer the first message that is not processed. All arguments but the
    last are addresses: of the inputs and the session's words of `quotelife.rfq.plain.layout`, and of CONNECTION_WORDS.

    Returns the length of the Quote, of which SENT bytes have left; NOT_RECEIVED; or what `answer_wire` returns.
    """
    words = word_array(connection, CONNECTION_WORDS)
    timespec = connection + TIMESPEC * _BYTES_OF_WORD
    if words[START] == words[END]:
        words[START] = words[END] = 0
    if receives:
        room = words[CAPACITY] - words[END]
        if room < _LEAST_ROOM:
            return NOT_RECEIVED
        received = _recv(np.int32(words[FD]), words[BUFFER] + words[END], np.uint64(room), np.int32(_DONT_WAIT))
        if received <= 0:
            return NOT_RECEIVED
        words[END] += received
    words[WALL_NS] = clock_ns(np.int32(REALTIME), timespec)
    words[MONO_NS] = clock_ns(np.int32(MONOTONIC), timespec)
    start = words[START]
    length = answer_wire(
        inputs, session, words[BUFFER] + start, words[END] - start, words[WALL_NS], words[MONO_NS]
    )  # fmt: skip
    if length > 0:
        answered = word_array(session, P.SESSION_WORDS)
        words[START] = start + answered[P.RESULT_CONSUMED]
        flags = np.int32(_DONT_WAIT | _NO_SIGNAL)
        words[SENT] = _send(np.int32(words[FD]), answered[P.SESSION_OUT], np.uint64(length), flags)
        words[SENT_NS] = clock_ns(np.int32(MONOTONIC), timespec)
    return length
