"""What goes on beside the requests: /metrics is scraped every second, and the desk's page is open if there is one."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

_PERIOD_S = 1.0
_STREAM = "/desk/events"  # of the desk's page
_PATIENCE_S = 5.0


class Beside(msgspec.Struct):
    """What was done: answered scrapes, failed ones, bytes of the page's stream (-1: there is no such page)."""

    scrapes: int = 0
    failed: int = 0
    stream_bytes: int = -1


@contextmanager
def beside(host: str, port: int) -> Iterator[Beside]:
    """Scrape and listen, in threads of the caller, until the context ends."""
    done, over = Beside(), threading.Event()
    threads = [threading.Thread(target=work, args=(host, port, done, over)) for work in (_scrape, _listen)]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _scrape(host: str, port: int, done: Beside, over: threading.Event) -> None:
    while not over.wait(_PERIOD_S):
        connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            response.read()
            done.scrapes += response.status == 200
            done.failed += response.status != 200
        except (OSError, http.client.HTTPException):
            done.failed += 1
        finally:
            connection.close()


def _listen(host: str, port: int, done: Beside, over: threading.Event) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=_PERIOD_S)
    try:
        connection.request("GET", _STREAM, headers={"Accept": "text/event-stream"})
        response = connection.getresponse()
        if response.status != 200 or "event-stream" not in (response.getheader("Content-Type") or ""):
            return
        done.stream_bytes = 0
        while not over.is_set():
            try:
                data = response.read1(1 << 16)
            except TimeoutError:
                continue
            if not data:
                return
            done.stream_bytes += len(data)
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()
