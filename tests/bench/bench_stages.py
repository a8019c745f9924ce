"""Processor time of each stage of a QuoteRequest in the quoting process, in microseconds.

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
from quotelife.decision.request import BY_RULES
from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.journal.ring import Writer
from quotelife.parameters.versions import load_configured
from quotelife.rfq import messages, quote_request
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
    session = handler.sessions[configuration.CLIENT]
    us: dict[str, float] = {}
    received = [fix.Message(text, False) for text in texts]
    timed(us, "text of the received message", lambda n: received[n].toString())
    fields = [quote_request.read_fields(text) for text in texts]
    timed(us, "fields, digest", lambda n: (dict(quote_request.read_fields(texts[n])), quote_request.digest(texts[n])))
    by_tags = [dict(f) for f in fields]
    timed(us, "request", lambda n: quote_request.parse(fields[n], by_tags[n]))
    related = [quote_request.parse(f, w).related[0] for f, w in zip(fields, by_tags, strict=True)]
    quoter, buffers = handler.quoter, session.buffers(0)
    assert session.client is not None
    state = session.client
    timed(us, "decision", lambda n: quoter.quote(state, related[n], BY_RULES, 0, wall, mono, buffers))
    decision = quoter.quote(state, related[0], BY_RULES, 0, wall, mono, buffers)
    grid = quoter.instruments[decision.symbol].prices
    timed(us, "text of the Quote", lambda n: messages.quote(decision, "Q1", "r", "100", grid, True, wall))
    answers = [handler.receive(text, wall, mono) for text in texts[: BATCH // 2]]
    rest = texts[BATCH // 2 :]
    whole = timed({}, "", lambda n: handler.receive(rest[n], wall, mono), len(rest))
    us["journal, open quotes, the rest of the handler"] = whole - sum(list(us.values())[1:])
    replies = [answer.messages[0] for answer in answers if answer is not None]
    timed(us, "the engine's message", lambda n: application.compose(replies[n]), len(replies))
    composed = [application.compose(reply) for reply in replies]
    engine_session = application._engine_session(configuration.CLIENT)
    application._sending.first_time = engine_session.persistence, False
    timed(us, "engine: header, store, socket", lambda n: engine_session.session.send(composed[n]), len(replies))
    outcomes = [answer for answer in answers if answer is not None]
    timed(us, "after the send: counters, watchlist, expiry", lambda n: handler.apply(outcomes[n], mono), len(outcomes))
    return us


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
        print(f"{stage:52s} {us:7.1f}")
    print(f"{'total':52s} {sum(stages.values()):7.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
