"""A real HTTP server in its own thread, and a plain client."""

import asyncio
import http.client
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiohttp import web

from quotelife.http.server import HttpServer


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers["Content-Type"]

    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def serving(
    make: Callable[[], web.Application], commands: Callable[[], Awaitable[HttpServer]] | None = None
) -> Iterator[HttpServer]:
    """Serve the application, created inside the loop, on a port chosen by the system, and what `commands` serves."""
    started: list[HttpServer] = []
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def start() -> None:
        server = HttpServer(make())
        await server.listen("127.0.0.1", 0)
        started.append(server)
        if commands is not None:
            started.append(await commands())

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(start())
        finally:
            ready.set()
        loop.run_forever()
        for server in started:
            loop.run_until_complete(server.close())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(10)
    assert started
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def ask(
    port: int, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()
