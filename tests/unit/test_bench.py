"""The bench's parts: its market, its load generator against the bare engine, its arithmetic."""

import socket
from pathlib import Path

import pytest

from service.bench import configuration, peers
from service.bench.command import spread
from service.bench.generator import Load, Measured, _exchange
from service.bench.kernels import marketdata_rates
from service.bench.machine import describe
from service.bench.market import VenueSide, split, symbols
from service.bench.rfq import _bare_settings, percentiles


def load(port: int, **changes: object) -> Load:
    values: dict[str, object] = {
        "port": port,
        "sender": configuration.CLIENT,
        "target": configuration.ACCEPTOR,
        "symbols": symbols(2),
        "quantity": 100,
        "rate": 400.0,
        "seconds": 0.5,
        "warm_up_s": 0.25,
        "prefix": "t-",
    }
    return Load(**(values | changes))  # type: ignore[arg-type]


def test_the_generator_counts_every_answer(tmp_path):
    settings, port = _bare_settings(configuration.write(tmp_path, 0, 2), tmp_path)
    with peers.bare(settings):
        for n in range(2):  # the session can be had again
            measured = peers.generate(load(port, prefix=f"{n}-"))
            assert (measured.sent, measured.quotes, measured.rejects, measured.unanswered) == (200, 200, 0, 0)
            assert len(measured.latencies_ns) == 200
            assert min(measured.latencies_ns) > 0


def test_a_withdrawal_is_no_second_answer():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for n in range(2):
            for kind in "SZ":
                theirs.sendall(f"8=FIX.4.4\x019=9\x0135={kind}\x01131=t-{n}\x0110=000\x01".encode())
        _, kinds, _ = _exchange(ours, [b"x", b"y"], load(0))
    assert kinds == ["S", "S"]


def test_a_server_that_is_not_there_is_an_error():
    with pytest.raises(peers.BenchError, match="Connection refused"):
        peers.generate(load(configuration.free_port()))


def test_a_side_that_does_not_start_says_why(tmp_path):
    settings = tmp_path / "bare.cfg"
    settings.write_text("[DEFAULT]\n")
    with pytest.raises(peers.BenchError, match="did not start"), peers.bare(settings):
        pass


def test_no_market_data_is_lost():
    rates = marketdata_rates(messages=2_000, instruments=3, repeats=2)
    assert len(rates) == 2
    assert min(rates) > 0


def test_the_market_moves_and_comes_back():
    venue = VenueSide()
    first, rest = split(venue.snapshot("7", "BENCH-0000"))
    assert rest == b""
    assert first[0]["268"] == "20"
    messages, _ = split(venue.increments(300))
    assert [m["34"] for m in messages] == [str(n) for n in range(2, 302)]
    assert all(m["268"] == "2" for m in messages)


def test_split_leaves_what_is_not_whole():
    data = VenueSide().message("0", [])
    assert split(data + data[:20]) == ([split(data)[0][0]], data[:20])


def test_percentiles_are_exact_to_three_digits():
    measured = Measured(
        latencies_ns=list(range(1000, 1_001_000, 1000)),
        sent=1000,
        quotes=1000,
        rejects=0,
        unanswered=0,
        latest_send_ns=0,
    )
    assert percentiles(measured) == pytest.approx([500_000, 900_000, 990_000, 999_000, 1_000_000], rel=2e-3)


def test_spread():
    assert spread([3.0, 1.0, 2.0]) == (spread([1.0, 2.0, 3.0]))
    assert (spread([3.0, 1.0]).median, spread([3.0, 1.0]).least, spread([3.0, 1.0]).most) == (2.0, 1.0, 3.0)


def test_the_machine_is_described():
    machine = describe()
    assert machine.cores >= 1
    assert str(machine.cores) in str(machine)


def test_the_configuration_is_good(tmp_path: Path):
    config = configuration.write(tmp_path, 4000, 5)
    assert [i.symbol for i in config.instrument] == symbols(5)
    assert config.venue[0].port == 4000
