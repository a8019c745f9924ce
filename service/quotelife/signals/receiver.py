"""The door for signals from outside: a Unix socket of the process that writes the board, one JSON line each way.

    {"signals": [...]}  ->  {"taken": 3, "in_force": [...]}  or  {"refused": {"at": 0, "field": ..., "detail": ...}}

All signals of a line are taken, or none.
"""

import asyncio
import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import msgspec
import orjson

from quotelife.config import Config
from quotelife.runtime.clock import mono_ns, wall_ns
from quotelife.signals.active_signals import ActiveSignal, ActiveSignals
from quotelife.signals.signal import MOST, NEWS, Judge, Signal, SignalError, time_ns

_MOST_BYTES = 1 << 17
_WAIT_S = 5.0


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """A line."""

    signals: list[Signal] = []


class Inlet:
    """Takes signals into `in_force`; one loop."""

    def __init__(self, config: Config, in_force: ActiveSignals) -> None:
        self._judge, self._in_force = Judge(config), in_force
        self._symbols = [i.symbol for i in config.instrument]
        self._rows = {symbol: row for row, symbol in enumerate(self._symbols)}
        self._ticks = [float(Decimal(i.tick)) for i in config.instrument]
        # News without a symbol is about every market, not about indices and the like.
        self._markets = [row for row, i in enumerate(config.instrument) if i.quotable]

    async def open(self, path: Path) -> asyncio.Server:
        """Listen at the path, in place of an earlier process."""
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._serve, path, limit=_MOST_BYTES)
        path.chmod(0o600)
        return server

    def take(self, ask: Ask) -> dict[str, object]:
        """Apply all signals of a line, or none."""
        now_ns, now_wall_ns = mono_ns(), wall_ns()
        for at, signal in enumerate(ask.signals):
            try:
                self._judge.check(signal, now_wall_ns)
            except SignalError as error:
                return {"refused": {"at": at, "field": error.field, "detail": str(error)}}
        taken = sum(self._apply(signal, now_ns, now_wall_ns) for signal in ask.signals)
        return {"taken": taken, "in_force": self._in_force.document(self._symbols, now_wall_ns)}

    def _apply(self, signal: Signal, now_ns: int, now_wall_ns: int) -> int:
        at_ns = min(time_ns(signal, now_wall_ns), now_wall_ns)
        until_ns = at_ns + self._judge.stale_after_ns(signal)
        said = ActiveSignal(signal.value, signal.source, signal.text, at_ns, until_ns)
        if signal.kind == NEWS:
            rows = [self._rows[symbol] for symbol in signal.symbols] or self._markets
            return self._in_force.news(rows, said, now_ns, now_wall_ns)
        row = self._rows[signal.symbols[0]]
        return self._in_force.index(row, said, self._ticks[row], now_ns)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_WAIT_S):
                line = await reader.readline()
            answer: dict[str, object]
            try:
                ask = msgspec.json.decode(line, type=Ask)
                if len(ask.signals) > MOST:
                    raise msgspec.ValidationError(f"{len(ask.signals)} signals; allowed: at most {MOST}")
                answer = self.take(ask)
            except msgspec.DecodeError as error:
                answer = {"refused": {"at": 0, "field": "body", "detail": str(error)}}
            writer.write(orjson.dumps(answer) + b"\n")
            await writer.drain()
        except (TimeoutError, ValueError, ConnectionError):
            pass  # no line came, or one that is too long: there is nobody to answer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def send(path: Path, line: bytes) -> dict[str, object]:
    """Hand a line to the process that writes the board and take its answer; OSError or TimeoutError if it is not
    there."""
    async with asyncio.timeout(_WAIT_S):
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 24)
        try:
            writer.write(line.replace(b"\n", b" ") + b"\n")
            await writer.drain()
            answer = await reader.readline()
        finally:
            writer.close()
    if not answer:
        raise ConnectionError("no answer")
    return json.loads(answer)
