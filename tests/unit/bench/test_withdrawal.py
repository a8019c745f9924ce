"""The withdrawal bench: whole books that move, arrival times of QuoteCancels, and which change one belongs to."""

import socket

import pytest

from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife_bench.load.market import MOVE_TICKS, VenueSession, split, symbols
from quotelife_bench.load.open_quotes import deadline_ns, receive
from quotelife_bench.topics.withdrawal import latencies_ns


def test_only_moving_instruments_move_and_only_the_others_have_increments():
    venue, names = VenueSession(moving=2), symbols(4)
    for n, symbol in enumerate(names):
        venue.snapshot(f"{n:04d}", symbol)
    before = venue.tops()
    [moved], _ = split(venue.move())
    assert moved["35"] == "W" and moved["55"] in names[:2] and moved["268"] == "20"
    after = venue.tops()
    for symbol in names:
        shift = MOVE_TICKS if symbol == moved["55"] else 0
        for was, now in zip(before[symbol], after[symbol], strict=True):
            assert [ticks for ticks, _ in now] == [ticks + shift for ticks, _ in was]
    while venue.tops()[moved["55"]][0][0][0] != before[moved["55"]][0][0][0]:
        venue.move()
    increments, _ = split(venue.increments(64))
    assert {message["55"] for message in increments} == set(names[2:])


def test_arrival_is_when_the_system_received_the_data_and_not_when_it_was_read():
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, 35, 1)
        began_ns, arrived_ns, read_ns = mono_ns(), 0, 0
        while arrived_ns >= read_ns - NS_PER_S // 50:  # stamped only a moment after that was asked
            assert mono_ns() < began_ns + 10 * NS_PER_S, "what arrives has the time of its reading"
            theirs.sendall(b"data")
            sent_ns = mono_ns()
            while mono_ns() < sent_ns + NS_PER_S // 20:
                pass
            read_ns = mono_ns()
            data, arrived_ns = receive(ours)
        assert data == b"data" and began_ns - NS_PER_S // 100 < arrived_ns
        theirs.close()
        with pytest.raises(ConnectionError):
            receive(ours)


def test_deadline_is_read_from_valid_until_time():
    assert deadline_ns("20260105-10:00:00.250000") == 1_767_607_200_250_000_000 < wall_ns()
    with pytest.raises(ValueError, match="soon"):
        deadline_ns("soon")


def test_cancels_belong_to_the_last_change_of_their_row_before_them():
    changes = {0: [100, 200], 1: [150]}
    cancels = [(0, 130), (0, 210), (0, 215), (1, 140), (1, 160), (7, 170)]
    assert latencies_ns(cancels, changes) == ([30, 10, 15, 10], [30, 10, 10])
