"""The lower bound for requests: a plain uvloop server that echoes every message.

    python -m quotelife_bench.baselines.echo

Prints its port after READY. Ends when its standard input is closed.
"""

import asyncio
import socket
import sys
from typing import cast

import uvloop

from quotelife.runtime.process import announce_ready, end_with_parent


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    input_closed = asyncio.Event()
    loop.add_reader(sys.stdin, input_closed.set)
    announce_ready(str(server.sockets[0].getsockname()[1]))
    await input_closed.wait()
    server.close()


def main() -> int:
    end_with_parent()
    uvloop.run(_serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
