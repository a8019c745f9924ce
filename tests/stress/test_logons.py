"""Hundreds of sessions that come and go, in order or by a cut: the engine makes a thread for each, and Python keeps the
state of each until its logout."""

import socket
from pathlib import Path

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.runtime.clock import wall_ns
from quotelife_bench import configuration
from quotelife_bench.load import peers
from quotelife_bench.load.generator import Load, log_on
from quotelife_bench.load.market import symbols
from quotelife_bench.processes import resident_kb

TIMES = 400
MORE_KB = 512


def come_and_go(port: int, client: Identity, in_order: bool) -> None:
    connection = log_on(port, client)
    if in_order:
        connection.sendall(encode(client, "5", 2, sending_time(wall_ns()), []))
        while connection.recv(4_096):
            pass
    else:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, no goodbye
    connection.close()


def test_frequent_logons_and_logouts_leave_the_service_healthy(tmp_path: Path) -> None:
    client = Identity(configuration.CLIENT, configuration.ACCEPTOR)
    with peers.venue(100) as venue:
        config = configuration.write(tmp_path, venue.port, 2)
        port = config.acceptor.port
        with peers.service(Path(config.file)) as service:
            quoting = service.processes()["quoting"]
            for n in range(TIMES):
                if n == TIMES // 4:
                    before = resident_kb(quoting)["own"]
                come_and_go(port, client, in_order=n % 2 == 0)
            assert service.processes()["quoting"] == quoting, "it has not died"
            assert resident_kb(quoting)["own"] - before < MORE_KB, "no thread leaves its state behind"
            asked = Load(port=port, senders=[configuration.CLIENT], target=configuration.ACCEPTOR, symbols=symbols(2),
                         quantity=100, rate=100, seconds=0.5, warm_up_s=0.1, prefix="after-", answer="S")  # fmt: skip
            measured = peers.generate(asked)
            assert (measured.sent, measured.quotes) == (50, 50)
