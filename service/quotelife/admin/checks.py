"""The checks of /readyz. Each `check()` returns the current result; one thread at a time calls it."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from quotelife.admin.health import CheckResult
from quotelife.market.board import layout as L
from quotelife.market.board.follower import BoardReader
from quotelife.market.features.evaluate import evaluate
from quotelife.metrics.family import HEARTBEAT
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns, utc_timestamp, wall_ns
from quotelife_models import schema as S

MAX_NAMED = 20  # instruments named in the details, of those that cannot be quoted
STALE_BEAT_S = 5.0
MAX_JUMP_S = 0.05  # of the wall clock against the monotonic clock within JUMP_WITHIN_S
JUMP_WITHIN_S = 60.0
_LISTENING = "0A"  # socket state in /proc/net/tcp
_EARLIEST_NS = 1_735_689_600 * NS_PER_S  # 2025-01-01: an earlier clock has not been set


class ProcessesCheck:
    """Every process has reported ready, which it does after compiling its kernels, and has a recent heartbeat."""

    def __init__(
        self, ready: Callable[[], dict[str, bool]], regions: Callable[[], Mapping[str, MetricsRegion]]
    ) -> None:
        self._ready, self._regions = ready, regions

    def check(self) -> CheckResult:
        regions, now = self._regions(), wall_ns()
        details: dict[str, object] = {}
        all_good = True
        for name, ready in self._ready().items():
            age = _heartbeat_age_s(regions.get(name), name, now)
            good = ready and age is not None and age < STALE_BEAT_S
            all_good = all_good and good
            details[name] = {"ready": ready, "heartbeat_age_seconds": age}
        return CheckResult(all_good, details)


def _heartbeat_age_s(region: MetricsRegion | None, process: str, now_ns: int) -> float | None:
    """Age of the process's heartbeat; None before the first one."""
    if region is None:
        return None
    try:
        heartbeat_ns = int(region.values[region.gauge(HEARTBEAT.name, process=process)])
    except KeyError:
        return None
    return round(max(now_ns - heartbeat_ns, 0) / NS_PER_S, 3) if heartbeat_ns else None


class AcceptorCheck:
    """A socket listens on the acceptor's port, read from the kernel's table: a connection would count as a client."""

    def __init__(self, port: int) -> None:
        self._port = port

    def check(self) -> CheckResult:
        wanted = f":{self._port:04X}"
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            try:
                lines = Path(table).read_text().splitlines()[1:]
            except OSError:
                continue
            for line in lines:
                _, local, _, state, *_ = line.split()
                if state == _LISTENING and local.endswith(wanted):
                    return CheckResult(True, {"port": self._port})
        return CheckResult(False, {"port": self._port, "why": "not listening"})


class BooksCheck:
    """Counts the quotable instruments whose book can be quoted from now.

    Passes if at least the fraction `share` of them can, and at least one: a single stale book among many calls for an
    alert, not for taking the service out of rotation.
    """

    def __init__(self, path: Path, quotable: dict[str, int], n_rows: int, share: float) -> None:
        """`quotable` maps symbols to board rows."""
        self._quotable = quotable
        self._needed = max(math.ceil(share * len(quotable)), 1)
        self._boards = BoardReader(path, n_rows)
        self._x, self._snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)

    def check(self) -> CheckResult:
        board = self._boards.poll()
        if board is None:
            return CheckResult(
                False, {"quotable": 0, "of": len(self._quotable), "needed": self._needed, "why": "no board"}
            )
        mono, wall = mono_ns(), wall_ns()
        others = []
        for symbol, row in self._quotable.items():
            status = evaluate(board.header, board.venues, board.rows, row, mono, self._x, self._snap)
            if status not in (L.STATUS_OK, L.STATUS_BUSY):
                since_ns = int(self._snap[L.SNAP_SINCE_NS])  # 0: its venue was never logged on
                since = utc_timestamp(wall - max(mono - since_ns, 0)) if since_ns else None
                others.append({"instrument": symbol, "status": L.STATUS_NAMES[status], "since": since})
        n = len(self._quotable) - len(others)
        details = {"quotable": n, "of": len(self._quotable), "needed": self._needed, "others": others[:MAX_NAMED]}
        if len(others) > MAX_NAMED:
            details["not_named"] = len(others) - MAX_NAMED
        return CheckResult(n >= self._needed, details)


class DiskCheck:
    """The data folder is writable and has at least `min_free_mb` free."""

    def __init__(self, folder: Path, min_free_mb: float) -> None:
        self._folder, self._min_free_bytes = folder, int(min_free_mb * 1e6)

    def check(self) -> CheckResult:
        probe = self._folder / f".readyz.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(probe, "wb") as file:
                file.write(b"\0" * 512)
                file.flush()
                os.fsync(file.fileno())
            probe.unlink()
            stat = os.statvfs(self._folder)
        except OSError as error:
            return CheckResult(False, {"folder": str(self._folder), "why": error.strerror})
        free = stat.f_bavail * stat.f_frsize
        details = {"folder": str(self._folder), "free_bytes": free, "needed_bytes": self._min_free_bytes}
        return CheckResult(free >= self._min_free_bytes, details)


class ClockCheck:
    """The wall clock, the source of ValidUntilTime, is set and has not jumped against the monotonic clock."""

    def __init__(self, clocks: Callable[[], tuple[int, int]] = lambda: (wall_ns(), mono_ns())) -> None:
        self._clocks = clocks
        self._samples: list[tuple[int, int]] = []  # (monotonic, wall minus monotonic), oldest first

    def sample(self) -> None:
        """Record the offset between the clocks; call it about once a second."""
        wall, mono = self._clocks()
        self._samples.append((mono, wall - mono))
        while mono - self._samples[0][0] > JUMP_WITHIN_S * NS_PER_S:
            del self._samples[0]

    def check(self) -> CheckResult:
        wall, mono = self._clocks()
        since = mono - int(JUMP_WITHIN_S * NS_PER_S)
        jumps = [abs(wall - mono - offset) for sampled, offset in self._samples if sampled >= since]
        jumped_s = max(jumps, default=0) / NS_PER_S
        details = {"utc": utc_timestamp(wall), "jumped_seconds": round(jumped_s, 6), "within_seconds": JUMP_WITHIN_S}
        return CheckResult(wall > _EARLIEST_NS and jumped_s < MAX_JUMP_S, details)
