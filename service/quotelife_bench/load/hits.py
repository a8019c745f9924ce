"""The load process of the bench of hits: every quote is hit, and the time to the ExecutionReport is measured.

    python -m quotelife_bench.load.hits < HitPlan as JSON

Closed loop: each session requests a quote, pauses, hits it, and waits for the ExecutionReport before the next request.
The sessions run at the same time. Prints a `HitTimes` as JSON.
"""

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import msgspec

from quotelife.fix.encode import Identity, encode, sending_time
from quotelife.runtime.clock import mono_ns, wall_ns
from quotelife.runtime.process_tuning import request_exact_timers
from quotelife_bench.load.generator import log_on
from quotelife_bench.load.market import split

_ANSWER_S = 20.0
_BEGINNING = b"8=FIX"
_FILLED = "2"  # OrdStatus


class HitPlan(msgspec.Struct, kw_only=True):
    """`hits` are those of each session that are measured, after `warm_up` that are not."""

    port: int
    senders: list[str]
    target: str
    symbols: list[str]
    quantity: int
    hits: int
    warm_up: int
    pause_us: float
    prefix: str  # of the ids


class HitTimes(msgspec.Struct):
    """Times from hit to ExecutionReport in ns, the number of hits or requests that were refused, and the seconds from
    the first to the last measured hit."""

    latencies_ns: list[int]
    refused: int
    seconds: float


class Session:
    """One session of the load."""

    def __init__(self, plan: HitPlan, n: int) -> None:
        self._plan, self._identity = plan, Identity(plan.senders[n], plan.target)
        self._symbol = plan.symbols[n % len(plan.symbols)]
        self._connection: socket.socket = log_on(plan.port, self._identity)
        self._connection.settimeout(_ANSWER_S)
        self._seq, self._rest = 2, b""

    def run(self, start: Barrier) -> tuple[list[int], int, int]:
        """(ns of each hit, refusals, monotonic time of the first measured hit). One that fails lets no other wait."""
        try:
            return self._run(start)
        except BaseException:
            start.abort()
            raise

    def _run(self, start: Barrier) -> tuple[list[int], int, int]:
        plan, times, refused, began_ns = self._plan, [], 0, 0
        for n in range(plan.warm_up + plan.hits):
            if n == plan.warm_up:
                start.wait()
                began_ns = mono_ns()
            id_ = f"{plan.prefix}{self._identity.sender_comp_id}-{n}"
            side = 1 + n % 2  # so that the desk's position stays small
            request: list[tuple[int, str | int]] = [
                (131, id_),
                (146, 1),
                (55, self._symbol),
                (54, side),
                (38, plan.quantity),
            ]
            quote = self._exchange("R", request, ("131", id_))
            if quote["35"] != "S":
                refused += 1
                continue
            time.sleep(plan.pause_us / 1e6)
            sent_ns = mono_ns()
            hit: list[tuple[int, str | int]] = [
                (693, f"h{id_}"),
                (117, quote["117"]),
                (694, 1),
                (54, side),
                (55, self._symbol),
            ]
            report = self._exchange("AJ", hit, ("693", f"h{id_}"))
            if n >= plan.warm_up:
                times.append(mono_ns() - sent_ns)
                refused += report.get("39") != _FILLED
        self._send("5", [])
        self._connection.close()
        return times, refused, began_ns

    def _exchange(self, kind: str, body: list[tuple[int, str | int]], wanted: tuple[str, str]) -> dict[str, str]:
        """Send a message and return the first one with a wanted field; ConnectionError if the session ends. A
        TestRequest is answered, so that reports count as heard; those of earlier Logons are skipped."""
        tag, value = wanted
        self._send(kind, body)
        while True:
            data = self._connection.recv(1 << 16)
            if not data:
                raise ConnectionError("the server closed the connection")
            messages, self._rest = split(_from_message(self._rest + data))
            for message in messages:
                if message["35"] == "1":
                    self._send("0", [(112, message["112"])])
                if message.get(tag) == value:
                    return message
                if message["35"] in ("3", "j"):
                    raise ConnectionError(f"rejected: {message.get('58', '')}")

    def _send(self, kind: str, body: list[tuple[int, str | int]]) -> None:
        self._connection.sendall(encode(self._identity, kind, self._seq, sending_time(wall_ns()), body))
        self._seq += 1


def _from_message(data: bytes) -> bytes:
    """The data from the first message on: what came with the answer to the Logon was cut off."""
    at = data.find(_BEGINNING)
    return data[at:] if at >= 0 else data[1 - len(_BEGINNING) :]


def run(plan: HitPlan) -> HitTimes:
    """Run all sessions to the end."""
    sessions = [Session(plan, n) for n in range(len(plan.senders))]
    start = Barrier(len(sessions))
    with ThreadPoolExecutor(len(sessions)) as pool:
        running = [pool.submit(session.run, start) for session in sessions]
    errors = [error for each in running if (error := each.exception()) is not None]
    for error in sorted(errors, key=lambda each: isinstance(each, BrokenBarrierError)):  # the cause comes first
        raise error
    found = [each.result() for each in running]
    began_ns = min(began for _, _, began in found)
    seconds = (mono_ns() - began_ns) / 1e9
    return HitTimes([ns for times, _, _ in found for ns in times], sum(refused for _, refused, _ in found), seconds)


def main() -> int:
    request_exact_timers()
    sys.setswitchinterval(1e-4)
    print(msgspec.json.encode(run(msgspec.json.decode(sys.stdin.buffer.read(), type=HitPlan))).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
