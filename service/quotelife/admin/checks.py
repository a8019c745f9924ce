"""What /readyz looks at. Each check is an object that is asked again and again, from one thread at a time."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from quotelife.admin.health import CheckResult
from quotelife.market.board import layout as L
from quotelife.market.board.follower import Followed
from quotelife.market.features.evaluate import evaluate
from quotelife.metrics.catalog import HEARTBEAT
from quotelife.metrics.region import MetricsRegion
from quotelife.runtime.clock import NS_PER_S, mono_ns, utc_timestamp, wall_ns
from quotelife_models import schema as S

MAX_NAMED = 20  # instruments that are named, of those that cannot be quoted
STALE_BEAT_S = 5.0
MAX_JUMP_S = 0.05  # of the wall clock against the monotonic one within JUMP_WITHIN_S
JUMP_WITHIN_S = 60.0
_LISTENING = "0A"  # state of a socket in /proc/net/tcp
_EARLIEST_NS = 1_735_689_600 * NS_PER_S  # 2025-01-01: a clock before that has not been set


class ProcessesCheck:
    """Every process has said that it is ready, which it does once its kernels are compiled, and beats."""

    def __init__(
        self, ready: Callable[[], dict[str, bool]], regions: Callable[[], Mapping[str, MetricsRegion]]
    ) -> None:
        self._ready, self._regions = ready, regions

    def check(self) -> CheckResult:
        regions, now = self._regions(), wall_ns()
        details: dict[str, object] = {}
        all_good = True
        for name, ready in self._ready().items():
            age = _beat_age_s(regions.get(name), name, now)
            good = ready and age is not None and age < STALE_BEAT_S
            all_good = all_good and good
            details[name] = {"ready": ready, "heartbeat_age_seconds": age}
        return CheckResult(all_good, details)


def _beat_age_s(region: MetricsRegion | None, process: str, now_ns: int) -> float | None:
    """None before the first sample."""
    if region is None:
        return None
    try:
        beaten_ns = int(region.values[region.gauge(HEARTBEAT.name, process=process)])
    except KeyError:
        return None
    return round(max(now_ns - beaten_ns, 0) / NS_PER_S, 3) if beaten_ns else None


class AcceptorCheck:
    """Somebody listens at the acceptor's port; seen in the kernel's table, for a connection would be a client's."""

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
        return CheckResult(False, {"port": self._port, "why": "nobody listens"})


class BooksCheck:
    """How many of the instruments that are to be quoted could be quoted now. Good if at least `share` of them can, and
    one in any case: a stale book of one of many is a matter for an alert, not for taking the service away."""

    def __init__(self, path: Path, quotable: dict[str, int], n_rows: int, share: float) -> None:
        """`quotable` holds the board's rows by symbol."""
        self._quotable = quotable
        self._needed = max(math.ceil(share * len(quotable)), 1)
        self._followed = Followed(path, n_rows)
        self._x, self._snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)

    def check(self) -> CheckResult:
        board = self._followed.look()
        if board is None:
            return CheckResult(
                False, {"quotable": 0, "of": len(self._quotable), "needed": self._needed, "why": "no board"}
            )
        mono, wall = mono_ns(), wall_ns()
        others = []
        for symbol, row in self._quotable.items():
            status = evaluate(board.header, board.venues, board.rows, row, mono, self._x, self._snap)
            if status not in (L.STATUS_OK, L.STATUS_BUSY):
                since = utc_timestamp(wall - max(mono - int(self._snap[L.SNAP_SINCE_NS]), 0))
                others.append({"instrument": symbol, "status": L.STATUS_NAMES[status], "since": since})
        n = len(self._quotable) - len(others)
        details = {"quotable": n, "of": len(self._quotable), "needed": self._needed, "others": others[:MAX_NAMED]}
        if len(others) > MAX_NAMED:
            details["not_named"] = len(others) - MAX_NAMED
        return CheckResult(n >= self._needed, details)


class DiskCheck:
    """The data folder takes a write, and has room for what is promised."""

    def __init__(self, folder: Path, least_mb: float) -> None:
        self._folder, self._least = folder, int(least_mb * 1e6)

    def check(self) -> CheckResult:
        probe = self._folder / f".readyz.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(probe, "wb") as file:
                file.write(b"\0" * 512)
                file.flush()
                os.fsync(file.fileno())
            probe.unlink()
            room = os.statvfs(self._folder)
        except OSError as error:
            return CheckResult(False, {"folder": str(self._folder), "why": error.strerror})
        free = room.f_bavail * room.f_frsize
        details = {"folder": str(self._folder), "free_bytes": free, "needed_bytes": self._least}
        return CheckResult(free >= self._least, details)


class ClockCheck:
    """The wall clock, which ValidUntilTime is read from, has been set and has not jumped against the monotonic one."""

    def __init__(self, clocks: Callable[[], tuple[int, int]] = lambda: (wall_ns(), mono_ns())) -> None:
        self._clocks = clocks
        self._seen: list[tuple[int, int]] = []  # (monotonic, wall minus monotonic), oldest first

    def sample(self) -> None:
        """Note where the clocks stand; once a second or so."""
        wall, mono = self._clocks()
        self._seen.append((mono, wall - mono))
        while mono - self._seen[0][0] > JUMP_WITHIN_S * NS_PER_S:
            del self._seen[0]

    def check(self) -> CheckResult:
        wall, mono = self._clocks()
        jumps = [abs(wall - mono - offset) for seen, offset in self._seen if mono - seen <= JUMP_WITHIN_S * NS_PER_S]
        jumped_s = max(jumps, default=0) / NS_PER_S
        details = {"utc": utc_timestamp(wall), "jumped_seconds": round(jumped_s, 6), "within_seconds": JUMP_WITHIN_S}
        return CheckResult(wall > _EARLIEST_NS and jumped_s < MAX_JUMP_S, details)
