"""One client's connection: TLS on the one side, the quoting process's gate on the other. Bytes pass as they come.

Neither side is read while the other does not take what it was given, so a client that does not read is one to the
engine behind it too, and memory is bounded by the buffers.
"""

import asyncio
import ssl
from typing import Any, cast

_HIGH_WATER = 1 << 16  # bytes for one side that may wait here
_SHUTDOWN_S = 2.0  # for the last bytes to go out


class Side(asyncio.Protocol):
    """One of the two connections; `other` is the other one."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport.pause_reading()  # until there are two

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(None)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


def join(client: Side, service: Side, line: bytes) -> None:
    """Let bytes pass from now on; `line` goes to the service before them."""
    client.other, service.other = service, client
    assert service.transport is not None
    service.transport.write(line)
    for side in (client, service):
        if side.transport is not None:
            side.transport.resume_reading()
        elif side.other is not None and side.other.transport is not None:
            side.other.transport.close()  # this one went before they were two


async def handshake(sock: Any, context: ssl.SSLContext, timeout_s: float) -> Side:
    """The client's side, once TLS stands; what `why` takes if it never does."""
    client = Side()  # what uvloop returns beside the transport is not what it was given
    await asyncio.get_running_loop().connect_accepted_socket(
        lambda: client, sock, ssl=context, ssl_handshake_timeout=timeout_s, ssl_shutdown_timeout=_SHUTDOWN_S
    )
    return client


def why(error: Exception) -> tuple[str, str]:
    """The reason, as a metric's label, and the words for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate", error.verify_message
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        if "PEER_DID_NOT_RETURN_A_CERTIFICATE" in reason:
            return "certificate", "no certificate"
        return "not_tls" if reason in _NOT_TLS else "protocol", reason
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return "timed_out", "no handshake in time"
    return "hung_up", str(error) or "gone"


# What the first bytes of something else look like to OpenSSL.
_NOT_TLS = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER", "BAD_RECORD_TYPE", "PACKET_LENGTH_TOO_LONG")


def names(certificate: dict[str, Any] | None) -> list[str]:
    """Common name and DNS names of a client's certificate, those that fit on the gate's line."""
    if not certificate:
        return []
    common = [value for entry in certificate.get("subject", ()) for key, value in entry if key == "commonName"]
    alternative = [value for key, value in certificate.get("subjectAltName", ()) if key == "DNS"]
    return [name for name in dict.fromkeys((*common, *alternative)) if name.isprintable() and not set(name) & set(", ")]
