"""Run inside the image by build-image.sh: the demo's venue, service and clients, until clients get quotes."""

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Callable

PATIENCE_S = 120.0
CONFIG = ("--config", "/memory/quotelife.toml")
MARKET = ("--folder", "/memory/market")
ADDRESS = "http://127.0.0.1:9464"


def page(path: str) -> str:
    """The body of the answer; empty unless the status is OK."""
    with contextlib.suppress(OSError), urllib.request.urlopen(ADDRESS + path, timeout=5) as answer:
        return str(answer.read().decode())
    return ""


def quotes() -> float:
    """Number of quotes of all models."""
    lines = page("/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("quotelife_quotes_total{"))


def until(true: Callable[[], object], what: str, since: float) -> None:
    while not true():
        if time.monotonic() - since > PATIENCE_S:
            raise SystemExit(f"not {what} after {PATIENCE_S:g} s")
        time.sleep(0.1)
    print(f"{what} after {time.monotonic() - since:.1f} s", flush=True)


def main() -> None:
    begun = time.monotonic()
    running = [
        subprocess.Popen(["quotelife", "simulated-venue", *CONFIG, *MARKET]),
        subprocess.Popen(["quotelife", "serve", *CONFIG]),
    ]
    try:
        until(lambda: page("/readyz"), "ready", begun)
        running.append(subprocess.Popen(["quotelife", "clients", *CONFIG, *MARKET]))
        until(lambda: quotes() > 20, "quoting", begun)
    finally:
        for process in reversed(running):
            process.terminate()
        codes = [process.wait(60) for process in running]
    print(f"stopped: exit codes {codes}")
    if any(codes):
        raise SystemExit(1)


main()
