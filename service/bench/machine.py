"""The machine a figure was measured on, and what else ran on it."""

import os
import platform
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, kw_only=True):
    """`load` is the machine's one-minute load average before the bench began."""

    processor: str
    cores: int
    memory_gb: int
    kernel: str
    python: str
    load: float

    def __str__(self) -> str:
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gb} GB, Linux {self.kernel}, Python {self.python}, "
            f"load {self.load:.2f}"
        )


def describe() -> Machine:
    """This machine, now."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return Machine(
        processor=models[0] if models else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        kernel=platform.release(),
        python=platform.python_version(),
        load=os.getloadavg()[0],
    )
