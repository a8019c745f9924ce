"""Children, memory and processor time of running processes, from /proc."""

import os
import time
from pathlib import Path

from quotelife.runtime.fork_server import TITLE

_CPUCLOCK_SCHED = 2  # the clock id of a process is made of its pid and this, see clock_getcpuclockid(3)
_PARENT = 1  # index of the parent's pid after the name in /proc/PID/stat


def children(pid: int) -> dict[str, int]:
    """Process ids of a process's children by name, from the service's process title `quotelife NAME ...` or from the
    Python module that a child runs (quotelife.NAME.process, quotelife_NAME)."""
    found = {}
    for child in child_pids(pid):
        try:
            words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        except OSError:  # it has ended
            continue
        if (title := words[0].split(" "))[0] == TITLE and len(title) > 1:
            found[title[1]] = child
        elif "-m" in words:
            parts = words[words.index("-m") + 1].split(".")
            found[parts[1] if parts[0] == "quotelife" else parts[0].removeprefix("quotelife_")] = child
    return found


def child_pids(pid: int) -> list[int]:
    """Process ids of a process's children, including zombies, which have no name."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if int(_stat(int(entry.name))[_PARENT]) == pid:
                found.append(int(entry.name))
        except (OSError, IndexError):  # it has ended
            continue
    return found


def resident_kb(pid: int) -> dict[str, int]:
    """The resident set in kB: `all`, and its parts `own` (anonymous), `file` (mapped files) and `shared`."""
    names = {"VmRSS": "all", "RssAnon": "own", "RssFile": "file", "RssShmem": "shared"}
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {names[words[0][:-1]]: int(words[1]) for words in lines if words and words[0][:-1] in names}


def cpu_ns(pid: int) -> int:
    """Processor time of all threads so far, including ended ones."""
    return time.clock_gettime_ns(cpu_clock(pid))


def cpu_clock(pid: int) -> int:
    """The clock of a process's processor time, for clock_gettime."""
    return ~pid << 3 | _CPUCLOCK_SCHED


def affinity(pid: int) -> list[int]:
    """The cores that a process may use."""
    return sorted(os.sched_getaffinity(pid))


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
