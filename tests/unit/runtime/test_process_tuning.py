"""Memory arenas and scheduler slices of a process."""

import ctypes
import os
import platform
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from quotelife.runtime import process_tuning

_HEAPS = """
import ctypes, re, sys, threading
from quotelife.runtime.process_tuning import use_single_malloc_arena
if sys.argv[2] == "one":
    use_single_malloc_arena()
together = threading.Barrier(6)

def take():
    together.wait()
    kept.append([bytes(700) for _ in range(1_000)])
    together.wait()

kept, threads = [], [threading.Thread(target=take) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(len(re.findall("<heap nr=", open(sys.argv[1]).read())))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_info is glibc's")
@pytest.mark.parametrize(("which", "most"), [("one", 1), ("many", 100)])
def test_threads_share_one_heap(tmp_path, which, most):
    command = [sys.executable, "-c", _HEAPS, str(tmp_path / "heaps"), which]
    heaps = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert heaps <= most
    assert which == "one" or heaps > 1, "else this shows nothing"


def slice_ns() -> tuple[int, int]:
    """The scheduler's slice of this thread and its nice value, as the kernel has them."""
    attributes = ctypes.create_string_buffer(process_tuning._SCHED_ATTR.size)
    getattr_ = {"x86_64": 315, "aarch64": 275}[platform.machine()]
    assert ctypes.CDLL(None).syscall(getattr_, 0, attributes, len(attributes), 0) == 0
    _, _, _, nice, _, runtime, *_ = process_tuning._SCHED_ATTR.unpack(attributes)
    return runtime, nice


OWN_SLICES = pytest.mark.skipif(
    sys.platform != "linux" or tuple(int(n) for n in os.uname().release.split(".")[:2]) < (6, 12),
    reason="slices of one's own are Linux's from 6.12 on",
)


@OWN_SLICES
def test_deferring_thread_has_the_longest_slice():
    with ThreadPoolExecutor(1, initializer=process_tuning.defer_to_other_threads) as pool:
        assert pool.submit(slice_ns).result()[0] == 100_000_000


@OWN_SLICES
def test_requested_slice_is_inherited_by_new_threads():
    def asked() -> tuple[tuple[int, int], tuple[int, int]]:
        assert process_tuning.request_scheduler_slice(250) is None
        started: list[tuple[int, int]] = []
        thread = threading.Thread(target=lambda: started.append(slice_ns()))
        thread.start()
        thread.join()
        return slice_ns(), started[0]

    nice = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as pool:  # a thread of its own: that of the tests keeps its slice
        assert pool.submit(asked).result() == ((250_000, nice), (250_000, nice))
    assert slice_ns()[0] != 250_000


def test_unknown_architecture_is_reported(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert "not known for vax" in (process_tuning.request_scheduler_slice(100) or "")
