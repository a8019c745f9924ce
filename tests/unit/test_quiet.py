"""What a process does to answer evenly."""

import subprocess
import sys

import pytest

_HEAPS = """
import ctypes, re, sys, threading
from service.quiet import one_heap
if sys.argv[2] == "one":
    one_heap()
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
