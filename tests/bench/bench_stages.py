"""Processor time of each stage of a plain QuoteRequest in the quoting process, in microseconds, and of the general way.

    python -m tests.bench.bench_stages [REPEATS]

One handler, one engine and one client over a real socket. The stages run one after the other on the measured thread;
the last one sends to the client's session. Printed is the median over repeats of the mean of a hundred requests.
"""

import contextlib
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from quotelife.acceptor.process import build_handler, make_region
from quotelife.acceptor.quickfix.acceptor import QuickfixAcceptor
from quotelife.acceptor.quickfix.engine import fix
from quotelife.config import Config
from quotelife.decision import pricing
from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.journal.ring import Writer
from quotelife.parameters.versions import load_configured
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.warm_up import live_board
from quotelife.runtime.clock import mono_ns, utc_timestamp, wall_ns
from quotelife.runtime.process_tuning import reduce_interpreter_pauses
from quotelife_bench import configuration
from quotelife_bench.load.market import split

BATCH = 100


def measure(config: Config, folder: Path, repeats: int) -> dict[str, float]:
    """Median time of each stage in us."""
    parameters = load_configured(config)
    region, journal = make_region(config, folder / "metrics"), Writer(folder / "journal")
    handler = build_handler(config, parameters, pricing.default, region, journal)
    handler.quoter.board = board = live_board(config, folder / "board")
    acceptor = QuickfixAcceptor(config, handler)
    acceptor.start()
    with client(config.acceptor.port):
        reduce_interpreter_pauses()
        found: dict[str, list[float]] = {}
        for repeat in range(repeats + 1):
            now_ns = mono_ns()
            board.beat(now_ns)
            board.venues[:, 1] = now_ns
            for name, us in one_batch(handler, acceptor, config, repeat).items():
                found.setdefault(name, []).append(us)
    acceptor.stop()
    return {name: statistics.median(values[1:]) for name, values in found.items()}


def one_batch(handler: RfqHandler, acceptor: QuickfixAcceptor, config: Config, repeat: int) -> dict[str, float]:
    application = acceptor.application
    texts = [
        f"8=FIX.4.4\x019=0\x0135=R\x0134=1\x0149={configuration.CLIENT}\x0152={utc_timestamp(wall_ns())}\x0156=Q\x01"
        f"131=r{repeat}-{n}\x01146=1\x0155={config.instrument[0].symbol}\x0138=100\x0110=000\x01"
        for n in range(BATCH)
    ]
    wall, mono = wall_ns(), mono_ns()
    handler.drain_cancels(wall, mono)  # as the process does: it applies the desk's controls
    us: dict[str, float] = {}
    received = [fix.Message(text, False) for text in texts]
    timed(us, "text of the received message", lambda n: received[n].toString())
    plain = handler.plain.session(configuration.CLIENT)
    replies: list[str] = []
    after = 0.0

    def answer(n: int) -> None:
        assert handler.plain.answer_text(texts[n], wall, mono) is plain

    for n in range(BATCH // 2):
        us["one kernel call, text to text"] = us.get("one kernel call, text to text", 0.0) + once(answer, n)
        replies.append(plain.text)
        after += once(lambda n: handler.complete(plain, mono), n)
    us["one kernel call, text to text"] /= BATCH // 2
    timed(us, "the engine's message", lambda n: fix.Message(replies[n], False), len(replies))
    composed = [fix.Message(reply, False) for reply in replies]
    engine_session = application._engine_session(configuration.CLIENT)
    application._sending.first_time = engine_session.persistence, False
    timed(us, "engine: header, store, socket", lambda n: engine_session.session.send(composed[n]), len(replies))
    us["after the send: open quote, counters, watchlist, expiry"] = after / (BATCH // 2)
    rest, outcomes = texts[BATCH // 2 :], []
    timed(us, "(general way: text to text)", lambda n: outcomes.append(handler.receive(rest[n], wall, mono)), len(rest))
    timed(us, "(general way: after the send)", lambda n: handler.apply(outcomes[n], mono), len(rest))
    return us


def once(call: Callable[[int], object], n: int) -> float:
    """Processor time of one call in us."""
    start = time.thread_time_ns()
    call(n)
    return (time.thread_time_ns() - start) / 1e3


def timed(into: dict[str, float], name: str, call: Callable[[int], object], count: int = BATCH) -> float:
    """Mean processor time of a call in us."""
    start = time.thread_time_ns()
    for n in range(count):
        call(n)
    into[name] = (time.thread_time_ns() - start) / count / 1e3
    return into[name]


@contextlib.contextmanager
def client(port: int) -> Iterator[None]:
    """A session that reads and discards all messages."""
    identity = Identity(configuration.CLIENT, configuration.ACCEPTOR)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(encode(identity, "A", 1, sending_time(wall_ns()), [(98, 0), (108, 60), (141, "Y")]))
        data = b""
        while not any(m["35"] == "A" for m in split(data)[0]):
            data += connection.recv(4096)
        connection.settimeout(None)
        reader = threading.Thread(target=lambda: all(iter(lambda: connection.recv(1 << 16), b"")), daemon=True)
        reader.start()
        yield
        connection.shutdown(socket.SHUT_RDWR)
        reader.join()


def main(arguments: list[str]) -> None:
    repeats = int(arguments[0]) if arguments else 30
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-") as name:
        folder = Path(name)
        (folder / "run").mkdir()
        stages = measure(configuration.write(folder, 0, 1), folder, repeats)
    for stage, us in stages.items():
        print(f"{stage:56s} {us:7.1f}")
    total = sum(us for stage, us in stages.items() if not stage.startswith("("))
    print(f"{'total':56s} {total:7.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
