"""Receives external signals: a Unix socket of the process that writes the board, one JSON line each way.

    {"signals": [...]}  ->  {"taken": 3, "in_force": [...]}  or  {"refused": {"at": 0, "field": ..., "detail": ...}}

All signals of a line are applied, or none.
"""

import asyncio
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import msgspec
import orjson

from quotelife.config import Config
from quotelife.runtime.clock import mono_ns, wall_ns
from quotelife.signals.active_signals import ActiveSignal, ActiveSignals
from quotelife.signals.signal import MAX_SIGNALS, NEWS, Signal, SignalError, SignalValidator, time_ns

_MAX_LINE_BYTES = 1 << 17
_TIMEOUT_S = 5.0


class SignalBatch(msgspec.Struct, forbid_unknown_fields=True):
    """The signals of one line."""

    signals: list[Signal] = []


class SignalReceiver:
    """Applies received signals to `active`."""

    def __init__(self, config: Config, active: ActiveSignals) -> None:
        self._validator, self._active = SignalValidator(config), active
        self._symbols = [i.symbol for i in config.instrument]
        self._rows = {symbol: row for row, symbol in enumerate(self._symbols)}
        self._ticks = [float(Decimal(i.tick)) for i in config.instrument]
        # News without a symbol applies to every market, but not to indices.
        self._markets = [row for row, i in enumerate(config.instrument) if i.quotable]

    async def open(self, path: Path) -> asyncio.Server:
        """Listen at the path; replaces the socket of an earlier process."""
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, path, limit=_MAX_LINE_BYTES)
        path.chmod(0o600)
        return server

    def apply(self, batch: SignalBatch) -> dict[str, object]:
        """Apply all signals of a line, or none."""
        now_ns, now_wall_ns = mono_ns(), wall_ns()
        for at, signal in enumerate(batch.signals):
            try:
                self._validator.check(signal, now_wall_ns)
            except SignalError as error:
                return {"refused": {"at": at, "field": error.field, "detail": str(error)}}
        taken = sum(self._apply(signal, now_ns, now_wall_ns) for signal in batch.signals)
        return {"taken": taken, "in_force": self._active.document(self._symbols, now_wall_ns)}

    def _apply(self, signal: Signal, now_ns: int, now_wall_ns: int) -> int:
        at_ns = min(time_ns(signal, now_wall_ns), now_wall_ns)
        until_ns = at_ns + self._validator.stale_after_ns(signal)
        active = ActiveSignal(signal.value, signal.source, signal.text, at_ns, until_ns)
        if signal.kind == NEWS:
            rows = [self._rows[symbol] for symbol in signal.symbols] or self._markets
            return self._active.set_news(rows, active, now_ns, now_wall_ns)
        row = self._rows[signal.symbols[0]]
        return self._active.set_index(row, active, self._ticks[row], now_ns)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                line = await reader.readline()
            answer: dict[str, object]
            try:
                batch = msgspec.json.decode(line, type=SignalBatch)
                if len(batch.signals) > MAX_SIGNALS:
                    raise msgspec.ValidationError(f"{len(batch.signals)} signals; allowed: at most {MAX_SIGNALS}")
                answer = self.apply(batch)
            except msgspec.DecodeError as error:
                answer = {"refused": {"at": 0, "field": "body", "detail": str(error)}}
            writer.write(orjson.dumps(answer) + b"\n")
            await writer.drain()
        except (TimeoutError, ValueError, ConnectionError):
            pass  # no line, or one that is too long: the peer gets no answer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
