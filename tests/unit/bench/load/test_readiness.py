"""Waiting for sockets: descriptors above 1,023, short limits, writers."""

import socket

from quotelife.runtime.clock import mono_ns
from quotelife_bench.load.readiness import wait
from tests.readiness import readable
from tests.unit.bench.load.high_descriptor import high_socket_pair


def test_a_descriptor_above_1023_is_waited_for():
    with high_socket_pair() as (ours, theirs):
        assert wait([ours], seconds=0) == []
        assert not readable(ours.fileno(), 0)
        theirs.send(b"x")
        assert wait([ours]) == [ours]
        assert readable(ours.fileno(), 0)


def test_only_what_can_be_read_is_returned_and_an_end_counts_as_that():
    first, theirs = socket.socketpair()
    second, other = socket.socketpair()
    with first, second, theirs:
        other.close()
        assert wait([first, second]) == [second]


def test_a_writer_ends_the_wait_and_is_not_returned():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert wait([ours], [ours]) == []


def test_a_limit_is_not_rounded_up_to_a_millisecond():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shortest = min(_waited_ns(ours) for _ in range(50))
        assert 100_000 <= shortest < 900_000


def _waited_ns(sock: socket.socket) -> int:
    began_ns = mono_ns()
    wait([sock], seconds=0.0001)
    return mono_ns() - began_ns
