"""The loop of the load generator: one compiled call from the first request to the last answer.

It costs as little as a client in C, so that it does not hide what differs between the servers. It reads the sockets
itself and waits in ppoll for the sessions that have an answer to come: the number of a descriptor does not matter, and
sessions that wait for nothing cost nothing.
"""

import numpy as np
from numba import njit, types

# Words of `plan`. A pause makes the loop closed: a request is due that long after the answer to the one before.
PERIOD_NS, PAUSE_NS, SPIN_NS, GRACE_NS, WARM_UP, CPU_CLOCK = range(6)
PLAN_WORDS = 6
# Words of `result`.
SENT, ANSWERED, LATEST_SEND_NS, CPU_NS, STATUS = range(5)
RESULT_WORDS = 5
DONE, CLOSED, NOT_FIX = range(3)  # values of STATUS
NO_CLOCK = -1
NO_ANSWER = -1  # a latency

_INCOMPLETE, _INVALID = 0, -1  # in place of the end of a message
_MONOTONIC = 1
_MSG_DONTWAIT, _MSG_NOSIGNAL = 0x40, 0x4000
_POLLIN, _EVENTS_BIT, _RETURNED_BIT = 1, 32, 48  # of a pollfd in one word: the descriptor, int16 events, int16 revents
_RETURNED = 0xFFFF
_SOH, _EQUALS, _ZERO, _NINE, _EIGHT = 1, 61, 48, 57, 56
_LONGEST_BEGIN = 16  # bytes of "8=FIXT.1.1|", and more
_TRAILER = 7  # bytes of "10=000|"
_FOUND_BIT, _REST = 32, 0xFFFF_FFFF  # of what `_take_answers` returns
_NS_PER_S = 1_000_000_000
_LEAD_NS = 20_000_000  # until the first request is due

_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))
_ppoll = types.ExternalFunction("ppoll", types.int32(types.voidptr, types.uint64, types.voidptr, types.uint64))
_recv = types.ExternalFunction("recv", types.int64(types.int32, types.voidptr, types.uint64, types.int32))
_send = types.ExternalFunction("send", types.int64(types.int32, types.voidptr, types.uint64, types.int32))

_INTS, _BYTES, _BYTE_TABLE = "int64[::1]", "uint8[::1]", "uint8[:,::1]"


@njit(f"int64(int64, {_INTS})", cache=True, nogil=True)
def _read_clock(clock, timespec):
    """A clock in ns."""
    _clock_gettime(clock, timespec.ctypes)
    return timespec[0] * _NS_PER_S + timespec[1]


@njit(f"UniTuple(int64, 2)({_BYTES}, int64, int64)", cache=True, nogil=True)
def _number(text, at, end):
    """The whole number that starts at `at`, and where it ends."""
    value = 0
    while at < end and _ZERO <= text[at] <= _NINE:
        value = value * 10 + text[at] - _ZERO
        at += 1
    return value, at


@njit(f"UniTuple(int64, 2)({_BYTES}, int64, int64)", cache=True, nogil=True)
def _message(text, at, end):
    """Where the message that starts at `at` ends, from its BodyLength, and its MsgType as a number of base 256.
    _INCOMPLETE if it goes on behind `end`, _INVALID if it does not begin as a message."""
    if end - at >= 2 and (text[at] != _EIGHT or text[at + 1] != _EQUALS):
        return _INVALID, 0
    body = at
    while body < end and text[body] != _SOH:
        body += 1
    if body - at > _LONGEST_BEGIN:
        return _INVALID, 0
    length, after = _number(text, body + 3, end)  # behind "|9="
    stop = after + 1 + length + _TRAILER
    if after >= end or stop > end:
        return _INCOMPLETE, 0
    if text[after] != _SOH:
        return _INVALID, 0
    kind, at = 0, after + 4  # behind "|35="
    while text[at] != _SOH:
        kind = kind << 8 | text[at]
        at += 1
    return stop, kind


@njit(f"int64({_BYTES}, int64, int64, {_BYTES})", cache=True, nogil=True)
def _request_number(text, at, end, prefix):
    """The number behind `prefix` in a message; -1 if the prefix is not in it."""
    width = len(prefix)
    while at + width < end:
        same = 0
        while same < width and text[at + same] == prefix[same]:
            same += 1
        if same == width:
            return _number(text, at + width, end)[0]
        at += 1
    return -1


@njit(f"int64({_BYTES}, int64, int64, {_BYTES}, {_INTS}, {_INTS}, {_INTS})", cache=True, nogil=True)
def _take_answers(text, filled, at_ns, prefix, times, latencies, kinds):
    """Note the answers among the complete messages of a session's buffer: their kinds, and their latencies from
    `times`. The rest moves to the front. Returns the number of answers << _FOUND_BIT | the
    bytes that remain, or _INVALID.

    What answers a request for the second time is the withdrawal of its quote, and is not counted."""
    at, found = 0, 0
    while at < filled:
        end, kind = _message(text, at, filled)
        if end == _INVALID:
            return _INVALID
        if end == _INCOMPLETE:
            break
        n = _request_number(text, at, end, prefix)
        if 0 <= n < len(kinds) and kinds[n] == 0:
            kinds[n] = kind
            latencies[n] = at_ns - times[n]
            found += 1
        at = end
    for i in range(at, filled):
        text[i - at] = text[i]
    return found << _FOUND_BIT | (filled - at)


@njit(f"void(int64, {_INTS}, {_INTS}, {_INTS}, {_INTS})", cache=True, nogil=True)
def _await(session, fds, pollfds, sessions, place):
    """Add a session to those that have an answer to come; `place` [-1] is their number."""
    if place[session] < 0:
        last = place[-1]
        place[session], sessions[last], place[-1] = last, session, last + 1
        pollfds[last] = fds[session] | _POLLIN << _EVENTS_BIT


@njit(f"void(int64, {_INTS}, {_INTS}, {_INTS})", cache=True, nogil=True)
def _release(session, pollfds, sessions, place):
    """Remove a session from them: the last one takes its place."""
    last, mine = place[-1] - 1, place[session]
    pollfds[mine], sessions[mine] = pollfds[last], sessions[last]
    place[sessions[mine]] = mine
    place[session], place[-1] = -1, last


@njit(f"int64(int64, {_INTS}, {_BYTES}, {_INTS}, {_BYTES}, {_INTS}, {_INTS}, {_INTS}, {_INTS})", cache=True, nogil=True)
def _receive(fd, filled, text, timespec, prefix, times, latencies, kinds, result):
    """Read a session's socket into its buffer `text`, `filled` [0] bytes of which are in use, and note the answers.
    Returns their number; STATUS is set if the session has ended. `timespec` holds the time of the read afterwards."""
    received = _recv(fd, text[filled[0] :].ctypes, len(text) - filled[0], _MSG_DONTWAIT)
    at_ns = _read_clock(_MONOTONIC, timespec)
    if received < 0:
        return 0
    taken = _take_answers(text, filled[0] + received, at_ns, prefix, times, latencies, kinds)
    if received == 0 or taken == _INVALID or taken & _REST == len(text):
        result[STATUS] = CLOSED if received == 0 else NOT_FIX
        return 0
    filled[0] = taken & _REST
    return taken >> _FOUND_BIT


@njit(
    f"void({_INTS}, {_BYTE_TABLE}, {_BYTES}, {_INTS}, {_BYTES}, {_INTS}, {_INTS}, {_INTS}, {_INTS})",
    cache=True,
    nogil=True,
)
def exchange(fds, buffers, requests, ends, prefix, plan, latencies, kinds, result):
    """Send the requests when they are due, in turn on the sessions, and read the answers.

    `fds` are the sessions' sockets, `buffers` [session, bytes] their input. Request n is the bytes of `requests` up to
    `ends[n]`; its answer holds `prefix` and n. `latencies` [n] in ns from when it was due, in a closed loop from when
    it was sent, NO_ANSWER where there is none; `kinds` [n] is the answer's MsgType as a number of base 256, 0 for none.
    Waiting stops GRACE_NS after the last one was sent. The loop does not sleep for SPIN_NS before a request is due, in
    a closed loop after it was sent. CPU_NS is the progress of CPU_CLOCK since request WARM_UP.
    """
    count, n_sessions = len(ends), len(fds)
    filled, pending = np.zeros(n_sessions, np.int64), np.zeros(n_sessions, np.int64)
    pollfds, sessions = np.zeros(n_sessions, np.int64), np.zeros(n_sessions, np.int64)
    place = np.full(n_sessions + 1, -1, np.int64)
    place[-1] = 0
    times, timespec = np.zeros(count, np.int64), np.zeros(2, np.int64)
    closed, sent, answered, spent_ns = plan[PAUSE_NS] > 0, 0, 0, 0
    start_ns = _read_clock(_MONOTONIC, timespec) + _LEAD_NS
    due_ns = last_ns = start_ns
    while result[STATUS] == DONE:
        now_ns = _read_clock(_MONOTONIC, timespec)
        may_send = sent < count and (not closed or answered == sent)
        if may_send and now_ns >= due_ns:
            if sent == plan[WARM_UP] and plan[CPU_CLOCK] != NO_CLOCK:
                spent_ns = _read_clock(plan[CPU_CLOCK], timespec)
            session, first = sent % n_sessions, ends[sent - 1] if sent else 0
            result[LATEST_SEND_NS] = max(result[LATEST_SEND_NS], now_ns - due_ns)
            last_ns = times[sent] = _read_clock(_MONOTONIC, timespec) if closed else due_ns
            length = ends[sent] - first
            if _send(fds[session], requests[first:].ctypes, length, _MSG_NOSIGNAL) != length:
                result[STATUS] = CLOSED
            pending[session] += 1
            _await(session, fds, pollfds, sessions, place)
            sent += 1
            due_ns = start_ns + sent * plan[PERIOD_NS]
            continue
        if not may_send and (answered == count or now_ns - last_ns >= plan[GRACE_NS]):
            break
        until_ns = due_ns if may_send else last_ns + plan[GRACE_NS]
        spins = not may_send and now_ns - last_ns < plan[SPIN_NS] if closed else until_ns - now_ns < plan[SPIN_NS]
        waiting = place[-1]
        if spins and waiting == 1:
            pollfds[0] |= _POLLIN << _RETURNED_BIT  # it is read at once
        else:
            wait_ns = 0 if spins else until_ns - now_ns - (0 if closed else plan[SPIN_NS])
            timespec[0], timespec[1] = wait_ns // _NS_PER_S, wait_ns % _NS_PER_S
            _ppoll(pollfds.ctypes, waiting, timespec.ctypes, 0)
        for i in range(waiting - 1, -1, -1):  # backwards: one that leaves is replaced by one that was read
            if pollfds[i] >> _RETURNED_BIT & _RETURNED:
                session = sessions[i]
                pollfds[i] = fds[session] | _POLLIN << _EVENTS_BIT
                found = _receive(fds[session], filled[session : session + 1], buffers[session], timespec, prefix, times,
                                 latencies, kinds, result)  # fmt: skip
                answered += found
                pending[session] -= found
                if pending[session] == 0:
                    _release(session, pollfds, sessions, place)
                if closed and found:
                    due_ns = timespec[0] * _NS_PER_S + timespec[1] + plan[PAUSE_NS]
    if plan[CPU_CLOCK] != NO_CLOCK:
        result[CPU_NS] = _read_clock(plan[CPU_CLOCK], timespec) - spent_ns
    result[SENT], result[ANSWERED] = sent, answered
