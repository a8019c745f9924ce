"""The quoting process: `python -m quotelife.acceptor.process --config FILE`.

Compiles and touches all code and memory, attaches to the board, starts the acceptor and announces READY. From then on
only the acceptor's callbacks run, and ten times a second a poll for a recreated board, new client statistics of the
recorder and new parameters.
"""

import gc
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from time import sleep

from quotelife.acceptor.common.acceptor import Acceptor
from quotelife.acceptor.engine_choice import make_acceptor
from quotelife.acceptor.reconfiguration import Prepared, QuotingProcess
from quotelife.acceptor.shutdown import shut_down
from quotelife.config import Config
from quotelife.config.paths import DataPaths, RunPaths, data_paths, run_paths
from quotelife.config.versions.agreement import VersionFollower
from quotelife.config.versions.version import digest
from quotelife.controls.region import find_controls
from quotelife.decision import pricing
from quotelife.decision.board_follower import BoardFollower
from quotelife.decision.client_state import client_states
from quotelife.decision.parameters_follower import ParametersFollower
from quotelife.decision.quoter import Quoter
from quotelife.decision.refusal import REFUSALS
from quotelife.journal.ring import Writer
from quotelife.ledger.history import HistoryReader
from quotelife.ledger.store import Ledger, LedgerError
from quotelife.logs import LogEvent, event_logger
from quotelife.metrics import catalog
from quotelife.metrics.region import MetricsRegion
from quotelife.parameters.versions import load_configured
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.metrics import QuotingMetrics
from quotelife.rfq.positions.desk_changes import DeskChanges
from quotelife.rfq.recovery import restore
from quotelife.rfq.warm_up import warm_up
from quotelife.rfq.withdrawal import QuoteMonitor
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.line_socket import LineServer
from quotelife.runtime.process import EXIT_FAILED, STOP_SIGNALS, StartupTimer, announce_ready, run_process
from quotelife.runtime.process_tuning import (
    lock_memory,
    reduce_interpreter_pauses,
    request_scheduler_slice,
    use_single_malloc_arena,
)
from quotelife.shm.region import RegionError
from quotelife_models.parameters import Parameters

logger = event_logger(__name__)
_POLL_S = 0.1
_HEARTBEAT_NS = NS_PER_S
ANSWER_RETENTION_NS = 7 * 86_400 * NS_PER_S  # how long a repeated ClOrdID gets the same answer


def build_handler(
    config: Config,
    parameters: Parameters,
    provider: pricing.Provider,
    region: MetricsRegion,
    journal: Writer | None,
    ledger: Ledger | None = None,
) -> RfqHandler:
    """The RFQ handler of a configuration, without a board."""
    sessions = [session for client in config.client for session in client.sessions]
    return RfqHandler(
        Quoter(config, parameters, provider),
        client_states(config),
        [instrument.symbol for instrument in config.instrument],
        QuotingMetrics(region, sessions),
        journal,
        wall_ns(),
        parameters.hash,
        config.hits,
        config.withdrawal,
        config.streaming,
        ledger,
        HistoryReader(data_paths(config).history),
    )


def make_region(config: Config, path: Path) -> MetricsRegion:
    """The metrics region of the quoting process."""
    sessions = [session for client in config.client for session in client.sessions]
    return MetricsRegion.create(path, catalog.QUOTING, process=["quoting"], session=sessions, reason=REFUSALS)


def open_ledger(path: Path) -> Ledger:
    """Open the ledger, delete answers past their retention, and make room for those to come."""
    ledger = Ledger(path)
    ledger.delete_answers(wall_ns() - ANSWER_RETENTION_NS)
    try:
        ledger.make_room()
    except sqlite3.Error as error:  # hits wait longer
        logger.warning(LogEvent.LEDGER_FULL_DISK, "no room for the ledger's write-ahead log: %s", error)
    return ledger


def run(config: Config) -> int:
    """Serve until SIGTERM or SIGINT."""
    timer = StartupTimer()
    use_single_malloc_arena()
    stopping = threading.Event()
    for signum in STOP_SIGNALS:
        signal.signal(signum, lambda *_: stopping.set())
    run_files, data = run_paths(config), data_paths(config)
    run_files.directory.mkdir(parents=True, exist_ok=True)
    parameters, ledger = load_configured(config), open_ledger(data.ledger)
    handler = _restored_handler(config, parameters, ledger)
    timer.mark("state")
    parameters_follower = ParametersFollower(config, parameters, run_files)
    parameters_follower.start(handler)
    board = BoardFollower(run_files.board, len(config.instrument), handler.quoter)
    board.poll()
    acceptor = make_acceptor(config, handler)
    timer.mark("acceptor")
    monitor = QuoteMonitor(
        handler.quoter, handler.watchlist, config.withdrawal.period_us, acceptor.on_found,
        handler.metrics.set_withdrawal_processor_ns,
    )  # fmt: skip
    _warm_up(config, parameters, acceptor, run_files.directory)
    timer.mark("warm-up")
    _tune_process(config)
    try:
        _start(acceptor, monitor)
        positions = LineServer(run_files.positions_socket, DeskChanges(handler.positions).answer)
    except OSError as error:
        text = "cannot listen on port %d or the sockets of the run directory: %s"
        logger.error(LogEvent.LISTEN_FAILED, text, config.acceptor.port, error, port=config.acceptor.port)
        return EXIT_FAILED
    timer.mark("listening")
    timer.log()
    announce_ready(f"quoting on port {config.acceptor.port}")
    process = QuotingProcess(config, run_files, acceptor, monitor, ledger)
    versions = VersionFollower(run_files, "quoting", config, process)
    with handler.lock:
        handler.journal.configuration(versions.number, wall_ns(), mono_ns())
    _poll(acceptor, board, parameters_follower, process, versions, ledger, stopping)
    positions.close()
    shut_down(handler, acceptor.drain_cancels, process.config.shutdown)
    monitor.stop()
    acceptor.stop()
    handler.deliveries.flush()
    ledger.close()
    return 0


def _restored_handler(config: Config, parameters: Parameters, ledger: Ledger) -> RfqHandler:
    """The handler with the quotes, request ids and positions of the run before."""
    run_files, journal = run_paths(config), data_paths(config).journal
    region = make_region(config, run_files.metrics("quoting"))
    handler = build_handler(config, parameters, pricing.load(config), region, Writer(journal), ledger)
    handler.quoter.controls = find_controls(config, run_files)
    handler.journal.set_configuration(digest(config))
    restored = restore(handler, config, journal, ledger, wall_ns(), mono_ns())
    logger.info(LogEvent.STATE_RESTORED, "%s", restored, **restored._asdict())
    return handler


def _warm_up(config: Config, parameters: Parameters, acceptor: Acceptor, run_directory: Path) -> None:
    """Answer requests of every kind through a handler with files of its own."""

    def make_handler(folder: Path) -> RfqHandler:
        files = DataPaths(folder)
        region = make_region(config, RunPaths(folder).metrics("quoting"))
        ledger, journal = Ledger(files.ledger), Writer(files.journal, 64)
        return build_handler(config, parameters, pricing.default, region, journal, ledger)

    warm_up(config, make_handler, acceptor.compose, run_directory, acceptor.connect)


def _tune_process(config: Config) -> None:
    """Apply the configured process tuning; log what the system refuses."""
    reduce_interpreter_pauses()
    if config.machine.slice_us and (problem := request_scheduler_slice(config.machine.slice_us)) is not None:
        logger.warning(LogEvent.MACHINE_SETTING_REFUSED, "%s", problem)
    if config.machine.lock_memory and (problem := lock_memory()) is not None:
        logger.warning(LogEvent.MACHINE_SETTING_REFUSED, "%s", problem)


def _start(acceptor: Acceptor, monitor: QuoteMonitor) -> None:
    """Start listening and monitoring; OSError if the port is in use. The engine's threads inherit the blocked signals,
    so that the main thread receives them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    acceptor.start()
    monitor.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _poll(
    acceptor: Acceptor, board: BoardFollower, parameters_follower: ParametersFollower, process: QuotingProcess,
    versions: VersionFollower[Prepared], ledger: Ledger, stopping: threading.Event,
) -> None:  # fmt: skip
    """Periodic work beside the callbacks, until `stopping` is set."""
    handler = acceptor.handler
    heartbeat_ns = 0
    while not stopping.wait(_POLL_S):
        acceptor.drain_cancels()
        acceptor.ask_for_confirmations()
        board.poll()
        parameters_follower.poll(handler)
        versions.poll()
        process.clients.poll(handler.lock)
        mark_positions(handler)
        now_ns = mono_ns()
        expire_all(handler, now_ns)
        handler.deliveries.flush()
        acceptor.poll(now_ns)
        if now_ns - heartbeat_ns > _HEARTBEAT_NS:
            heartbeat_ns = now_ns
            handler.metrics.values[handler.metrics.heartbeat] = wall_ns()
            handler.metrics.set_open_quotes(handler.open_quotes.running, handler.subscriptions.count)
            gc.collect(0)
            _checkpoint(ledger)


def expire_all(handler: RfqHandler, now_ns: int) -> None:
    """Work off what requests left of ended quotes: a few per turn with the lock, so that no request waits for all."""
    more = True
    while more:
        with handler.lock:
            more = handler.expire(now_ns)
        sleep(0)  # a lock is not fair: let a session's thread have it in between


def mark_positions(handler: RfqHandler) -> None:
    """Value the positions at the market, where a limit needs it."""
    exposure = handler.quoter.exposure
    if exposure.has_notional:
        with handler.lock:
            exposure.mark_to(handler.quoter.board)


def _checkpoint(ledger: Ledger) -> None:
    try:
        ledger.checkpoint()
    except sqlite3.Error as error:  # the write-ahead log grows; its content is safe
        logger.error(LogEvent.LEDGER_CHECKPOINT_FAILED, "ledger checkpoint failed: %s", error)


def main(arguments: list[str] | None = None) -> int:
    return run_process(run, arguments, "quoting", RegionError, LedgerError)


if __name__ == "__main__":
    sys.exit(main())
