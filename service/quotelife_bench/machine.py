"""The machine that figures were measured on, and its load during the run."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

_PACKAGES = ("quickfix", "quickfix-tls", "numba", "numpy", "uvloop")
_STEAL = 7  # column of the "cpu" line of /proc/stat


class Machine(msgspec.Struct, kw_only=True):
    """What does not change during a run. `affinity` are the cores that the bench's processes may use."""

    processor: str
    cores: int
    affinity: list[int]
    memory_gb: int
    kernel: str
    python: str
    packages: dict[str, str]

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {found}" for name, found in self.packages.items())
        pinned = "not pinned" if len(self.affinity) == self.cores else f"pinned to cores {self.affinity}"
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gb} GB, Linux {self.kernel}, Python {self.python}, "
            f"{packages}; {pinned}"
        )


class Conditions(msgspec.Struct, kw_only=True):
    """One-minute load averages, and the shares of the machine's time that it was busy and that the hypervisor gave to
    other guests (steal), during the run."""

    load_before: float
    load_after: float
    steal: float
    busy: float

    def __str__(self) -> str:
        return (
            f"load {self.load_before:.2f} before, {self.load_after:.2f} after; the machine was busy {self.busy:.0%} of "
            f"the time, {self.steal:.1%} was stolen by the hypervisor"
        )


class ConditionsMonitor:
    """Measures the machine's load between construction and `conditions()`."""

    def __init__(self) -> None:
        self._load, self._times = os.getloadavg()[0], _times()

    def conditions(self) -> Conditions:
        times = [now - then for now, then in zip(_times(), self._times, strict=True)]
        whole = sum(times) or 1
        idle = times[3] + times[4]
        return Conditions(
            load_before=round(self._load, 2),
            load_after=round(os.getloadavg()[0], 2),
            steal=times[_STEAL] / whole,
            busy=1 - idle / whole,
        )


def current_machine() -> Machine:
    """This machine."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return Machine(
        processor=models[0] if models else platform.machine(),
        cores=os.cpu_count() or 1,
        affinity=sorted(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _version(name))},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _times() -> list[int]:
    """user, nice, system, idle, iowait, irq, softirq, steal: clock ticks of all cores since boot."""
    return [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1 : _STEAL + 2]]
