"""The load beside the requests: /metrics is scraped every second, and the desk page is open."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

_PERIOD_S = 1.0
_STREAM = "/desk/events"  # of the desk page
_TIMEOUT_S = 5.0


class BackgroundLoad(msgspec.Struct):
    """Successful and failed scrapes, and bytes of the page's stream (-1 without a page)."""

    scrapes: int = 0
    failed: int = 0
    stream_bytes: int = -1


@contextmanager
def background_load(host: str, port: int) -> Iterator[BackgroundLoad]:
    """Scrape and read the stream in threads of this process until the context ends."""
    load, stopped = BackgroundLoad(), threading.Event()
    threads = [threading.Thread(target=work, args=(host, port, load, stopped)) for work in (_scrape, _read_stream)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _scrape(host: str, port: int, load: BackgroundLoad, stopped: threading.Event) -> None:
    while not stopped.wait(_PERIOD_S):
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            response.read()
            load.scrapes += response.status == 200
            load.failed += response.status != 200
        except (OSError, http.client.HTTPException):
            load.failed += 1
        finally:
            connection.close()


def _read_stream(host: str, port: int, load: BackgroundLoad, stopped: threading.Event) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=_PERIOD_S)
    try:
        connection.request("GET", _STREAM, headers={"Accept": "text/event-stream"})
        response = connection.getresponse()
        if response.status != 200 or "event-stream" not in (response.getheader("Content-Type") or ""):
            return
        load.stream_bytes = 0
        while not stopped.is_set():
            try:
                data = response.read1(1 << 16)
            except TimeoutError:
                continue
            if not data:
                return
            load.stream_bytes += len(data)
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()
