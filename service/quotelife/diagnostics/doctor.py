"""`quotelife doctor`: checks the configuration, the engine, the secrets and this machine."""

import errno
import os
import resource
import shutil
import socket
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from quotelife.acceptor.engine_choice import check_settings, missing_engine
from quotelife.config import (
    Config,
    ConfigError,
    check_capture,
    check_credentials,
    check_files,
    check_signing,
    check_tls,
    load,
    password,
    password_hash,
    resolve,
    settings_file,
)
from quotelife.config.extras import install
from quotelife.config.paths import data_paths, run_paths
from quotelife.config.secrets import readable_by_group
from quotelife.config.value_types import LOOPBACK
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.decision import pricing
from quotelife.diagnostics import machine, polling, venues, way_to_stop
from quotelife.diagnostics.diagnostic import Diagnostic
from quotelife.diagnostics.wake_ups import measure_interruptions, measure_wake_ups
from quotelife.market.board import layout as L
from quotelife.parameters.versions import Versions, load_configured
from quotelife.runtime.clock import utc_timestamp
from quotelife.runtime.console import wide_console
from quotelife.runtime.ports import ports_of
from quotelife.runtime.process import EXIT_FAILED
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import kernel_cache
from quotelife_models.parameters import POOLED

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
EXTENSIONS = {
    20001: "ExpiryModel",
    20002: "AdverseMoveProbability",
    20003: "LifetimeReason",
    20004: "QuoteLifetimeUs",
    20005: "PickOffProbability",
}
_ROOM_BESIDE_BOARD = 64 << 20  # metrics and the journal ring
_SLOW_CLOCK_NS = 200


def examine(path: Path) -> list[Diagnostic]:
    """All diagnostics. ConfigError if the configuration itself is invalid."""
    config = load(path)
    check_files(config)
    check_capture(config)
    return [
        Diagnostic("configuration", "ok", _summary(config)),
        *_engine(config),
        _pricing(config),
        *_parameters(config),
        *venues.examine(config),
        *_secrets(config),
        way_to_stop.examine(config),
        *_software(),
        *_memory(config),
        *_ports(config),
        *_machine(config),
    ]


def show(diagnostics: list[Diagnostic]) -> int:
    """Print the table. Returns the exit code: 1 if a check failed."""
    console = wide_console()
    table = Table("", "subject", "detail", "advice", box=None, pad_edge=False)
    for f in diagnostics:
        table.add_row(f"[{_COLOURS[f.status]}]{f.status}[/]", *map(escape, (f.subject, f.detail, f.advice)))
    console.print(table)
    failed = sum(f.status == "fail" for f in diagnostics)
    warned = sum(f.status == "warn" for f in diagnostics)
    console.print(f"\n{len(diagnostics)} checks, {failed} failed, {warned} warnings", highlight=False)
    return EXIT_FAILED if failed else 0


def _summary(config: Config) -> str:
    sessions = sum(len(c.sessions) for c in config.client)
    return (
        f"{config.file}: {len(config.instrument)} instruments, {len(config.venue)} venues, {sessions} client sessions"
    )


def _engine(config: Config) -> Iterator[Diagnostic]:
    """The engine, its settings as the acceptor reads them, and the dictionaries beside them."""
    path = settings_file(config)
    problem = missing_engine(config)
    if problem is not None:
        found, _, advice = problem.partition(": ")
        yield Diagnostic("FIX engine", "fail", found, advice)
    else:
        yield Diagnostic("FIX engine", "ok", config.acceptor.engine)
        check_settings(config)
        yield Diagnostic("engine settings", "ok", str(path))
    for dictionary in sorted(path.parent.glob("*.xml")):
        yield _dictionary(dictionary)
    yield _extensions(config)


def _dictionary(path: Path) -> Diagnostic:
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise ConfigError(path, "", None, f"{error}; allowed: a data dictionary, as in the distribution") from None
    fields = {int(f.get("number", "0")): f.get("name", "") for f in root.iterfind("fields/field")}
    if root.find("messages/message[@msgcat='app']") is None:  # a session's own
        return Diagnostic("dictionary", "ok", path.name)
    wrong = [f"{tag} {name}" for tag, name in EXTENSIONS.items() if fields.get(tag) != name]
    if wrong:
        return Diagnostic("dictionary", "fail", f"{path} lacks {', '.join(wrong)}", "add the fields")
    messages = " ".join(sorted(m.get("msgtype", "") for m in root.iterfind("messages/message")))
    return Diagnostic("dictionary", "ok", f"{path.name}: {messages}")


def _extensions(config: Config) -> Diagnostic:
    """Which clients get more than the standard's dictionaries allow."""
    extended = [client.name for client in config.client if client.extensions]
    if not extended:
        return Diagnostic("extensions", "ok", "no client: messages hold what the standard's dictionaries allow")
    return Diagnostic("extensions", "ok", f"{', '.join(extended)}: their engines need the dictionaries of fix_config")


def _pricing(config: Config) -> Diagnostic:
    pricing.load(config)
    return Diagnostic("pricing", "ok", config.pricing.provider)


def _parameters(config: Config) -> Iterator[Diagnostic]:
    try:
        parameters = load_configured(config)
    except ConfigError as error:
        yield Diagnostic("parameters", "fail", str(error), "calibrate again: quotelife calibrate")
        return
    names = [(i.symbol, i.parameters or i.symbol) for i in config.instrument if i.quotable]
    pooled = parameters.for_symbol(POOLED)
    unfitted = [symbol for symbol, name in names if name != POOLED and parameters.for_symbol(name) == pooled]
    if unfitted:
        found = f"{len(unfitted)} of {len(names)} instruments use the pooled parameters: {', '.join(unfitted[:5])}"
        yield Diagnostic("parameters", "warn", found, "calibrate with data of these instruments")
    else:
        yield Diagnostic("parameters", "ok", f"for all {len(names)} quotable instruments as configured")
    yield Diagnostic("parameters in force", "ok", _in_force(Versions(config, parameters)))


def _in_force(versions: Versions) -> str:
    """The version of the parameters that the service decides with, and its reason."""
    last = versions.active().version
    if not last.rows:
        return f"{last.hash}, as configured"
    learnt = ", ".join(row.symbol for row in last.rows[:5])
    since = utc_timestamp(last.wall_ns)
    return f"{last.hash}, generation {last.generation} since {since}: {last.because}; instruments: {learnt}"


def _secrets(config: Config) -> Iterator[Diagnostic]:
    """Passwords, hashes, certificates and keys, who can read them, and which sessions need none."""
    try:
        for venue in config.venue:
            subject = f"password of {venue.name}"
            password(config, venue)
        subject = "secrets"
        check_credentials(config)
        check_signing(config)
        check_tls(config)
    except ConfigError as error:
        yield Diagnostic(subject, "fail", f"{error.key}: {error.allowed}", "see Security in deploy/README.md")
        return
    tls = config.acceptor.tls
    keys = venues.key_files(config) + ([resolve(config, tls.key)] if tls is not None else [])
    shared = [str(key) for key in keys if readable_by_group(key)]
    if shared:
        yield Diagnostic("keys", "warn", f"{', '.join(shared)} are readable by their group", "chmod 600")
    open_sessions = [s for c in config.client for s in c.sessions if password_hash(config, s) is None]
    if config.acceptor.host in LOOPBACK:
        yield Diagnostic("logon", "ok", f"local connections only; {len(open_sessions)} sessions need no password")
        return
    known = tls is not None and tls.client_ca is not None
    if open_sessions and not known:
        found = f"{len(open_sessions)} sessions need no password: {', '.join(open_sessions[:5])}"
        yield Diagnostic(
            "logon", "warn", found, "set password hashes (quotelife hash-password) or acceptor.tls.client_ca"
        )
    else:
        yield Diagnostic("logon", "ok", "every session needs a password or a certificate")
    if tls is None:
        yield Diagnostic(
            "TLS", "warn", "not configured: passwords cross the network in clear text", "configure acceptor.tls"
        )
    else:
        yield Diagnostic(
            "TLS", "ok", f"{tls.minimum_version} and newer, client certificates {'' if known else 'not '}required"
        )


def _software() -> Iterator[Diagnostic]:
    yield Diagnostic("Python", "ok", sys.version.split()[0])
    if find_spec("ob_analytics") is None:
        advice = "pip install --no-deps --require-hashes -r deploy/requirements/sample.txt"
        yield Diagnostic("order-book sample", "warn", "not installed: simulate cannot replay a real market", advice)
    else:
        yield Diagnostic("order-book sample", "ok", "ob-analytics")
    missing = [name for name in ("polars", "pyarrow", "scipy") if find_spec(name) is None]
    if missing:
        yield Diagnostic("calibration", "warn", f"{', '.join(missing)} missing", f"to calibrate: {install('fit')}")
    cache = kernel_cache.home()
    if os.access(next(folder for folder in (cache, *cache.parents) if folder.exists()), os.W_OK):
        yield Diagnostic("compile cache", "ok", str(cache))
    else:
        advice = "set NUMBA_CACHE_DIR to a writable folder; otherwise kernels are cached beside their sources"
        yield Diagnostic("compile cache", "warn", f"{cache} is not writable", advice)


def _memory(config: Config) -> Iterator[Diagnostic]:
    run = run_paths(config).directory
    folder = next(p for p in (run, *run.parents) if p.exists())
    capture = int(config.capture.ring_mb) << 20
    needed = len(config.instrument) * L.ROW_WORDS * WORD_BYTES + capture + _ROOM_BESIDE_BOARD
    free = shutil.disk_usage(folder).free
    found = f"{free >> 20} MB free in {folder}, {needed >> 20} MB needed"
    if free < needed or not os.access(folder, os.W_OK):
        yield Diagnostic("shared memory", "fail", found, "free memory, or set paths.run to another folder in memory")
    elif _file_system(folder) != "tmpfs":
        yield Diagnostic("shared memory", "warn", f"{folder} is not in memory", "set paths.run to a folder on /dev/shm")
    else:
        yield Diagnostic("shared memory", "ok", found)
    data = data_paths(config).directory
    folder = next(p for p in (data, *data.parents) if p.exists())
    if os.access(folder, os.W_OK):
        yield Diagnostic("data folder", "ok", f"{data}, {shutil.disk_usage(folder).free >> 30} GB free")
    else:
        yield Diagnostic("data folder", "fail", f"{folder} is not writable", "change permissions, or set paths.data")


def _file_system(folder: Path) -> str:
    """Type of the file system that holds `folder`."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(m[1]), m[2]) for m in mounts if folder.is_relative_to(m[1])]
    return max(holding)[1]


def _ports(config: Config) -> Iterator[Diagnostic]:
    for key, host, port in ports_of(config):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                probe.listen()
                yield Diagnostic(key, "ok", f"{host}:{port} is free")
            except OSError as error:
                advice = "none if this service is running; otherwise stop the other process or set another port"
                taken = error.errno == errno.EADDRINUSE
                yield Diagnostic(
                    key,
                    "warn" if taken else "fail",
                    f"{host}:{port}: {error.strerror}",
                    advice if taken else "set an IPv4 address of this machine, or 0.0.0.0 for all its addresses",
                )


def _machine(config: Config) -> Iterator[Diagnostic]:
    yield from machine.examine(config)
    try:
        measured = measure_wake_ups(), measure_interruptions()
    except OSError as error:
        yield Diagnostic("wake-ups", "warn", f"not measured: {error}", "run quotelife doctor again")
    else:
        yield from polling.examine(config, *measured, len(os.sched_getaffinity(0)))
    sessions = sum(len(c.sessions) for c in config.client) + len(venue_sessions(config))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    enough = limit > 2 * sessions + 64
    advice = "" if enough else f"raise the limit: ulimit -n {4 * sessions + 256}"
    yield Diagnostic("open files", "ok" if enough else "fail", f"limit {limit}, {sessions} sessions", advice)
    yield _clock_source()


def _clock_source() -> Diagnostic:
    path = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    source = path.read_text().strip() if path.exists() else "unknown"
    n = 20_000
    start = time.perf_counter_ns()
    for _ in range(n):
        time.monotonic_ns()
    cost_ns = (time.perf_counter_ns() - start) / n
    found = f"{source}, {cost_ns:.0f} ns per read"
    if cost_ns > _SLOW_CLOCK_NS:
        return Diagnostic(
            "clock source", "warn", found, "set the kernel's clock source to tsc, or to that of the hypervisor"
        )
    return Diagnostic("clock source", "ok", found)
