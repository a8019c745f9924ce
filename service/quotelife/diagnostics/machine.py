"""Checks of the machine for low and even latency from request to Quote.

Files are read below `root`, so that tests can supply them. Kernel settings are given as files and values, so that
`quotelife doctor --apply` can write them where permitted.
"""

import ctypes
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from quotelife.config import Config
from quotelife.diagnostics.diagnostic import Diagnostic, Setting
from quotelife.diagnostics.polling import busy_polling
from quotelife.runtime.process_tuning import SWITCH_S

_CPU = "sys/devices/system/cpu"
_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"
_NUMA = "proc/sys/kernel/numa_balancing"
_SWAPPINESS = "proc/sys/vm/swappiness"
_UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex's status
_TIME_ERROR = 5  # adjtimex's state: the clock is not synchronised
_MOST_ERROR_US = 1_000.0
_LEAST_LOCKED = 1 << 30
_SHORT_SLICES_FROM = (6, 12)  # of Linux


def examine(config: Config, root: Path = Path("/"), usable: frozenset[int] | None = None) -> Iterator[Diagnostic]:
    """Diagnostics of processor, memory, clock and network; `usable` are the cores that this process may run on."""
    cores = frozenset(os.sched_getaffinity(0)) if usable is None else usable
    yield _cores(config, root, cores)
    yield _isolation(config, root)
    yield _governor(root)
    yield _pages(root)
    yield _swap(config, root)
    yield from _numa(root)
    yield Diagnostic(
        "interpreter",
        "ok",
        f"quoting: collector off, heap frozen, thread switch after {SWITCH_S * 1e3:g} ms; marketdata: heap frozen",
    )
    yield _slices(config, os.uname().release)
    yield _clock()
    yield busy_polling(config, root)
    yield Diagnostic(
        "network path",
        "ok",
        "kernel sockets",
        "kernel bypass (Onload, VMA) can be preloaded: it saves at most the kernel's 20 us of a round trip, and its "
        "tail; the time of engine and interpreter remains",
    )


def _slices(config: Config, release: str) -> Diagnostic:
    """The slice of the scheduler."""
    slice_us = config.machine.slice_us
    if not slice_us:
        advice = "set machine.slice_us = 100, so that a request need not wait for another process's slice to end"
        return Diagnostic("scheduler", "warn", "quoting uses the kernel's default slice", advice)
    major, minor = (int("".join(filter(str.isdigit, part)) or "0") for part in f"{release}.0.0".split(".")[:2])
    if (major, minor) < _SHORT_SLICES_FROM:
        advice = "use Linux 6.12 or later, where a request need not wait for another process's slice to end"
        return Diagnostic("scheduler", "warn", f"Linux {release} has one slice for all processes", advice)
    return Diagnostic("scheduler", "ok", f"quoting requests slices of {slice_us / 1e3:g} ms")


def read_cores(text: str) -> frozenset[int]:
    """Parse a list of cores as the kernel writes it, such as "0-3,8"."""
    found: set[int] = set()
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _cores(config: Config, root: Path, usable: frozenset[int]) -> Diagnostic:
    pinned = config.machine.pinned()
    if not pinned:
        advice = (
            "dedicate a core each to quoting and marketdata in [machine]"
            if len(usable) > 2
            else "provide at least three cores: one each for marketdata and quoting, one for the other processes"
        )
        return Diagnostic("cores", "warn", f"{len(usable)} usable, none dedicated to a process", advice)
    named = ", ".join(f"{name} on {','.join(map(str, sorted(cores)))}" for name, cores in pinned.items())
    missing = frozenset().union(*pinned.values()) - usable
    if missing:
        listed = ", ".join(map(str, sorted(missing)))
        return Diagnostic("cores", "fail", f"{named}; cannot use {listed}", "name existing cores in [machine]")
    alone = pinned.get("quoting", usable)
    near = alone.union(*(_siblings(root, core) for core in alone))
    beside = sorted(name for name, cores in pinned.items() if name != "quoting" and cores & near)
    if beside or "quoting" not in pinned:
        found = f"{named}; quoting shares with {', '.join(beside)}" if beside else f"{named}; quoting is not pinned"
        return Diagnostic("cores", "warn", found, "dedicate a core to quoting and leave its sibling thread free")
    return Diagnostic("cores", "ok", named)


def _siblings(root: Path, core: int) -> frozenset[int]:
    return read_cores(_read(root / _CPU / f"cpu{core}/topology/thread_siblings_list")) or frozenset((core,))


def _isolation(config: Config, root: Path) -> Diagnostic:
    isolated, tickless = (read_cores(_read(root / _CPU / name)) for name in ("isolated", "nohz_full"))
    wanted = config.machine.pinned().get("quoting", frozenset())
    found = f"isolated: {_listed(isolated)}; tickless: {_listed(tickless)}"
    if wanted and wanted <= isolated and wanted <= tickless:
        return Diagnostic("isolation", "ok", found)
    cores = _listed(wanted) if wanted else "the cores of quoting and marketdata"
    return Diagnostic("isolation", "warn", found, f"boot with isolcpus= and nohz_full= for {cores}: see interruptions")


def _listed(cores: frozenset[int]) -> str:
    return ",".join(map(str, sorted(cores))) or "none"


def _governor(root: Path) -> Diagnostic:
    files = sorted((root / _CPU).glob("cpu[0-9]*/cpufreq/scaling_governor"))
    governors = {path: _read(path) for path in files}
    if not governors:
        return Diagnostic("governor", "ok", "not visible: set by the host, or the frequency is fixed")
    slow = [path for path, governor in governors.items() if governor != "performance"]
    found = ", ".join(sorted(set(governors.values())))
    if not slow:
        return Diagnostic("governor", "ok", found)
    settings = tuple(Setting(path, "performance") for path in slow)
    return Diagnostic("governor", "warn", found, "set performance on every core", settings)


def _pages(root: Path) -> Diagnostic:
    text = _read(root / _PAGES)
    chosen = text.partition("[")[2].partition("]")[0] or "unknown"
    if chosen != "always":
        return Diagnostic("huge pages", "ok", f"transparent huge pages: {chosen}")
    settings = (Setting(root / _PAGES, "madvise"),)
    return Diagnostic(
        "huge pages",
        "warn",
        "transparent huge pages: always",
        "set madvise: compaction can stall a page fault",
        settings,
    )


def _swap(config: Config, root: Path) -> Diagnostic:
    areas = _read(root / "proc/swaps").splitlines()[1:]
    swappiness = _read(root / _SWAPPINESS)
    locked, allowed = config.machine.lock_memory, resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    limit = "unlimited" if allowed == resource.RLIM_INFINITY else f"{allowed >> 10} kB"
    found = f"{len(areas)} areas, swappiness {swappiness or 'unknown'}; memory lock limit {limit}"
    if locked and allowed != resource.RLIM_INFINITY and allowed < _LEAST_LOCKED and os.geteuid() != 0:
        return Diagnostic(
            "swap", "warn", found, "raise the memory lock limit: LimitMEMLOCK=infinity, or ulimit -l unlimited"
        )
    if areas and not locked:
        advice = "run swapoff -a, or set machine.lock_memory = true; swappiness is then irrelevant"
        return Diagnostic("swap", "warn", found, advice, (Setting(root / _SWAPPINESS, "1"),))
    return Diagnostic("swap", "ok", f"{found}, locked" if locked else found)


def _numa(root: Path) -> Iterator[Diagnostic]:
    nodes = read_cores(_read(root / "sys/devices/system/node/online"))
    if len(nodes) < 2:
        return
    if _read(root / _NUMA) == "1":
        settings = (Setting(root / _NUMA, "0"),)
        advice = "turn it off: it unmaps pages to trace their use"
        yield Diagnostic("NUMA balancing", "warn", f"on, {len(nodes)} nodes", advice, settings)
    else:
        yield Diagnostic("NUMA balancing", "ok", f"off, {len(nodes)} nodes; pin processes to the cores of one node")


class _Timex(ctypes.Structure):
    """The head of the kernel's struct timex (adjtimex(2)), in microseconds by default."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def _clock() -> Diagnostic:
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    return judge_clock(state, timex.status, timex.esterror, timex.maxerror)


def judge_clock(state: int, status: int, estimated_us: int, most_us: int) -> Diagnostic:
    """Diagnostic of the clock from the results of adjtimex: state, status, estimated and maximum error."""
    if state == _TIME_ERROR or status & _UNSYNCHRONISED:
        advice = "run chrony or another NTP client: clients compare ValidUntilTime with their own clock"
        return Diagnostic("clock", "warn", "not synchronised", advice)
    found = f"synchronised, error about {estimated_us} us, at most {most_us} us"
    if estimated_us > _MOST_ERROR_US:
        return Diagnostic("clock", "warn", found, "use a nearer time server or PTP: lifetimes are tens of milliseconds")
    return Diagnostic("clock", "ok", found)
