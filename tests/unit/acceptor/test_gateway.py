"""The sockets that the gateway accepts."""

import socket

import msgspec
import pytest

from quotelife.acceptor.common.gateway import LogonGateway
from quotelife.acceptor.common.logon_policy import LogonPolicy
from quotelife.config import load
from quotelife.config.sections import Acceptor, Machine
from quotelife.config.shipped import DEMO


class Socket(socket.socket):
    """Remembers what is set; `refuses` as the kernel does without the privilege."""

    refuses = False

    def __init__(self) -> None:
        super().__init__()
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, *option) -> None:
        if self.refuses:
            raise PermissionError(1, "Operation not permitted")
        self.options.append(option)


@pytest.mark.parametrize("refused", [False, True])
def test_reads_poll_the_network_card_where_permitted(tmp_path, caplog, refused):
    config = msgspec.structs.replace(load(DEMO), acceptor=Acceptor(port=0), machine=Machine(busy_poll_us=50))
    gateway = LogonGateway(config, LogonPolicy(config), print, print, print, tmp_path / "socket")
    with Socket() as sock:
        sock.refuses = refused
        gateway._poll_busily(sock)
        assert sock.options == ([] if refused else [(socket.SOL_SOCKET, 46, 50)])
    assert ("machine.busy_poll_us is not in force: Operation not permitted" in caplog.text) == refused
