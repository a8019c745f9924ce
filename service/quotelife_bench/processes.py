"""What the kernel knows of a running process: its children, memory, processor time."""

import os
import time
from pathlib import Path

from quotelife.runtime.fork_server import TITLE

_CPUCLOCK_SCHED = 2  # a process's clock is one of its number and this, see clock_getcpuclockid(3)
_PARENT = 1  # behind the name in /proc/PID/stat


def children(pid: int) -> dict[str, int]:
    """Process ids of a process's children by name: those of the service have a title, `quotelife NAME ...`; others run
    a Python module, quotelife.NAME.process or quotelife_NAME."""
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
    """Process ids of a process's children, those too that have ended and are not buried: they have no name any more."""
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
    """`all` of the resident set, and the parts of it: `own` memory, mapped `file`s, `shared` memory; in kB."""
    names = {"VmRSS": "all", "RssAnon": "own", "RssFile": "file", "RssShmem": "shared"}
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {names[words[0][:-1]]: int(words[1]) for words in lines if words and words[0][:-1] in names}


def cpu_ns(pid: int) -> int:
    """Processor time of all threads so far, those that have ended too."""
    return time.clock_gettime_ns(~pid << 3 | _CPUCLOCK_SCHED)


def affinity(pid: int) -> list[int]:
    """The cores it may use."""
    return sorted(os.sched_getaffinity(pid))


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
