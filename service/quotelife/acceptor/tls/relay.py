"""Relays one client's bytes between its TLS connection and the quoting process's logon gateway.

A side is not read while the other's write buffer is full. So a client that does not read looks the same to the engine
behind the relay, and the buffers bound the memory.
"""

import asyncio
import ssl
from typing import Any, cast

_HIGH_WATER = 1 << 16  # bytes buffered for one side
_SHUTDOWN_S = 2.0  # to send the last bytes


class RelaySide(asyncio.Protocol):
    """One of the two connections; `other` is its counterpart."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: RelaySide | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport.pause_reading()  # until joined

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


def join(client: RelaySide, service: RelaySide, line: bytes) -> None:
    """Start relaying; `line` is sent to the service first."""
    client.other, service.other = service, client
    assert service.transport is not None
    service.transport.write(line)
    for side in (client, service):
        if side.transport is not None:
            side.transport.resume_reading()
        elif side.other is not None and side.other.transport is not None:
            side.other.transport.close()  # this side closed before it was joined


async def handshake(sock: Any, context: ssl.SSLContext, timeout_s: float) -> RelaySide:
    """The client's side after its TLS handshake; raises what `classify` accepts if that fails."""
    client = RelaySide()  # uvloop does not return the protocol that it was given
    await asyncio.get_running_loop().connect_accepted_socket(
        lambda: client, sock, ssl=context, ssl_handshake_timeout=timeout_s, ssl_shutdown_timeout=_SHUTDOWN_S
    )
    return client


def classify(error: Exception) -> tuple[str, str]:
    """Why a handshake failed: the metric's label, and the detail for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate", error.verify_message
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        if "PEER_DID_NOT_RETURN_A_CERTIFICATE" in reason:
            return "certificate", "no client certificate"
        return "not_tls" if reason in _NOT_TLS else "protocol", reason
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return "timed_out", "handshake timed out"
    return "hung_up", str(error) or "connection lost"


# OpenSSL's reasons for first bytes that are not TLS.
_NOT_TLS = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER", "BAD_RECORD_TYPE", "PACKET_LENGTH_TOO_LONG")


def certificate_names(certificate: dict[str, Any] | None) -> list[str]:
    """Common name and DNS names of a client certificate, without those that cannot stand in the gateway's line."""
    if not certificate:
        return []
    common = [value for entry in certificate.get("subject", ()) for key, value in entry if key == "commonName"]
    alternative = [value for key, value in certificate.get("subjectAltName", ()) if key == "DNS"]
    return [name for name in dict.fromkeys((*common, *alternative)) if name.isprintable() and not set(name) & set(", ")]
